"""Reading the process environment for `portal/settings.py`."""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

DEMO_KEY_PREFIX = "demo-"
"""Keys that `make run` makes start with this; production settings refuse them."""


def env_list(name: str, default: list[str] | None = None) -> list[str]:
    """Comma-separated values, blanks dropped; `default` where the variable is not set."""
    value = os.environ.get(name)
    if value is None:
        return default or []
    return [part.strip() for part in value.split(",") if part.strip()]


def env_flag(name: str, default: bool) -> bool:
    value = os.environ.get(name)
    return default if value is None else value.strip().lower() in {"1", "true", "yes", "on"}


def env_int(name: str, default: int) -> int:
    """A whole number above zero.

    Raises:
        ImproperlyConfigured: the variable holds something else.
    """
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    if not value.isascii() or not value.isdecimal() or int(value) == 0:
        raise ImproperlyConfigured(f"{name} is {value!r}; it must be a whole number above zero.")
    return int(value)


def load_env_file(path: Path) -> None:
    """Set variables from `NAME=value` lines; what the environment already holds wins."""
    if not path.exists():
        return
    for line in path.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not name.startswith("#"):
            os.environ.setdefault(name.strip(), value.strip())
