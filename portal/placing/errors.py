class PlacingRefused(Exception):
    """It cannot be placed like this; the text says why and what to do next."""
