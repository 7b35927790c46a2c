class DemoError(Exception):
    """Why `make run` cannot start or go on, in one line that says what to do."""
