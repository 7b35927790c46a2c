"""Why Comet cannot be opened, in words for the person who asked."""


class LaunchRefused(Exception):
    """Comet is not opened; the text says why and what to do. Nothing was issued."""


class KeyGone(Exception):
    """The key of this launch is not handed out (again); the text says why."""
