"""Secrets at rest: Fernet with rotating keys, and a model field that never shows what it holds."""

from typing import Any, Final, Self

from cryptography.fernet import InvalidToken, MultiFernet
from django.db import models

from portal.core.keys import SecretUnreadable, current_keys

__all__ = ["MASK", "Secret", "SecretField", "SecretUnreadable"]

MASK: Final = "••••••••"


class Secret:
    """One sealed value. Holds only the sealed form; `reveal()` opens it where it is used."""

    __slots__ = ("_token",)

    def __init__(self, token: str) -> None:
        self._token = token

    @classmethod
    def seal(cls, value: str) -> Self:
        """Seal `value` with the newest key.

        Raises:
            SecretUnreadable: the keys are missing or damaged, or not those of this installation: what
                a wrong key seals would be lost with it.
        """
        from portal.core.key_state import require_right_keys  # it needs the models, which need this

        require_right_keys()
        return cls(current_keys()[0].fernet.encrypt(value.encode()).decode())

    @property
    def token(self) -> str:
        """The sealed form, as it is stored."""
        return self._token

    @property
    def is_readable(self) -> bool:
        """Whether one of the configured keys sealed it."""
        try:
            return any(key.opens(self._token) for key in current_keys())
        except SecretUnreadable:
            return False

    def reveal(self) -> str:
        """The value itself.

        Raises:
            SecretUnreadable: none of the configured keys sealed it.
        """
        fernet = MultiFernet([key.fernet for key in current_keys()])
        try:
            return fernet.decrypt(self._token.encode()).decode()
        except InvalidToken as exc:
            raise SecretUnreadable("It was sealed with a key that is not in ENCRYPTION_KEYS.") from exc

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
