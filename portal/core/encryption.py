"""Secrets at rest: Fernet with rotating keys, and a model field that never shows what it holds."""

from functools import lru_cache
from typing import Any, Final, Self

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models

from portal.core.environment import DEMO_KEY_PREFIX

MASK: Final = "••••••••"


class SecretUnreadable(Exception):
    """No configured key opens this secret: ENCRYPTION_KEYS is missing the key that sealed it."""


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key.removeprefix(DEMO_KEY_PREFIX)) for key in keys])


def _current_fernet() -> MultiFernet:
    if not settings.ENCRYPTION_KEYS:
        raise SecretUnreadable("ENCRYPTION_KEYS is not set, so no secret can be stored or read.")
    return _fernet(tuple(settings.ENCRYPTION_KEYS))


class Secret:
    """One sealed value. Holds only the sealed form; `reveal()` opens it where it is used."""

    __slots__ = ("_token",)

    def __init__(self, token: str) -> None:
        self._token = token

    @classmethod
    def seal(cls, value: str) -> Self:
        return cls(_current_fernet().encrypt(value.encode()).decode())

    @property
    def token(self) -> str:
        """The sealed form, as it is stored."""
        return self._token

    def reveal(self) -> str:
        """The value itself.

        Raises:
            SecretUnreadable: none of the configured keys sealed it.
        """
        try:
            return _current_fernet().decrypt(self._token.encode()).decode()
        except InvalidToken as exc:
            raise SecretUnreadable("A stored secret was sealed with a key that is not configured.") from exc

    def __str__(self) -> str:
        return MASK

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._token == self._token

    def __hash__(self) -> int:
        return hash(self._token)


class SecretField(models.TextField):
    """Text sealed before it reaches the database; reads as `Secret`, or None when empty."""

    # Read by the type checker's plugin alone.
    _pyi_private_set_type: Secret | str | None  # type: ignore[assignment]
    _pyi_private_get_type: Secret | None  # type: ignore[assignment]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"blank": True, "null": True, "editable": False, **kwargs})

    def from_db_value(self, value: str | None, *_: object) -> Secret | None:
        return Secret(value) if value else None

    def to_python(self, value: Any) -> Secret | None:
        if value is None or isinstance(value, Secret):
            return value
        return Secret.seal(str(value))

    def get_prep_value(self, value: Any) -> str | None:
        secret = self.to_python(value)
        return secret.token if secret else None
