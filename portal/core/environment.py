"""Reading the process environment for `portal/settings.py`."""

import os
import stat
from pathlib import Path
from typing import Final

from django.core.exceptions import ImproperlyConfigured

from comet.constants import StreamableEventType

DEMO_KEY_PREFIX = "demo-"
"""Keys that `make run` makes start with this; production settings refuse them."""

SECRET_FILES: Final[dict[str, Path]] = {}
"""Files that secrets were read from in this process, by the variable that named them."""


class SecretFileProblem(ImproperlyConfigured):
    """A secret's file cannot be used. Says which, why and what to do; never what it holds."""


def env_list(name: str, default: list[str] | None = None) -> list[str]:
    """Comma-separated values, blanks dropped; `default` where the variable is not set."""
    value = os.environ.get(name)
    if value is None:
        return default or []
    return [part.strip() for part in value.split(",") if part.strip()]


def env_flag(name: str, default: bool) -> bool:
    value = os.environ.get(name)
    return default if value is None else value.strip().lower() in {"1", "true", "yes", "on"}


def env_int(name: str, default: int, *, least: int = 1) -> int:
    """A whole number of at least `least`.

    Raises:
        ImproperlyConfigured: the variable holds something else.
    """
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    if not value.isascii() or not value.isdecimal() or int(value) < least:
        raise ImproperlyConfigured(f"{name} is {value!r}; it must be a whole number of at least {least}.")
    return int(value)


def env_event_types(name: str) -> list[int]:
    """Types of Comet's events, given by number or by name; empty where the variable is.

    Raises:
        ImproperlyConfigured: one of them is no type that Comet documents.
    """
    types = []
    for word in env_list(name):
        named = StreamableEventType.__members__.get(word.upper().removeprefix("SEVT_"))
        if named is None and (not word.isdecimal() or int(word) not in set(StreamableEventType)):
            raise ImproperlyConfigured(
                f"{name} holds {word!r}; it must be the name or the number of a type of Comet's events, such"
                " as JOB_COMPLETED or 4201."
            )
        types.append(int(word) if named is None else int(named))
    return types


def env_secret(name: str, default: str = "") -> str:
    """A secret from the variable `name`, or from the file that `name`_FILE names, without its last line end.

    Raises:
        SecretFileProblem: both are set, or the file cannot be read, or others may write to it.
    """
    file_variable = f"{name}_FILE"
    named = os.environ.get(file_variable)
    if not named:
        return os.environ.get(name, default)
    if os.environ.get(name):
        raise SecretFileProblem(f"{name} and {file_variable} are both set. Keep one of them.")
    path = Path(named).absolute()
    try:
        found = path.stat()
        content = path.read_text()
    except (OSError, UnicodeDecodeError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else "it is not text"
        raise SecretFileProblem(f"{file_variable} names {path}, which cannot be read: {why}.") from problem
    if found.st_uid not in (0, os.geteuid()):
        raise SecretFileProblem(
            f"{file_variable} names {path}, which belongs to another user. Give it to the portal's: chown."
        )
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise SecretFileProblem(
            f"{file_variable} names {path}, which others may write to. Close it: chmod 600 {path}."
        )
    SECRET_FILES[file_variable] = path
    return content.rstrip("\r\n")


def env_secret_list(name: str) -> list[str]:
    """Secrets separated by commas or line ends, as `env_secret`; lines that begin with # are comments."""
    lines = [line for line in env_secret(name).splitlines() if not line.lstrip().startswith("#")]
    return [part.strip() for part in ",".join(lines).split(",") if part.strip()]


def load_env_file(path: Path) -> None:
    """Set variables from `NAME=value` lines; what the environment already holds wins."""
    if not path.exists():
        return
    for line in path.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not name.startswith("#"):
            os.environ.setdefault(name.strip(), value.strip())
