"""Where sealed secrets lie in the database: every SecretField, and JSON columns that rooms register."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.apps import apps
from django.db import models

from portal.core.encryption import Secret, SecretField

SEALED_START: Final = "gAAAA"
"""How every Fernet token begins, until the year 2106."""

SHORTEST_SEALED: Final = 100
"""The shortest Fernet token has this many characters."""

_json_places: Final[set[tuple[str, str]]] = set()


def register_sealed_json(model: str, field: str) -> None:
    """Say that a JSON column holds sealed values: `register_sealed_json("mfa.Authenticator", "data")`.

    Any text in it, however deep, that is a whole sealed value is found, counted and rotated.
    """
    _json_places.add((model, field))


@dataclass(frozen=True, slots=True)
class Place:
    """One column that holds sealed values."""

    model: type[models.Model]
    field: str
    is_json: bool

    def __str__(self) -> str:
        return f"{self.model._meta.label}.{self.field}"

    def rows(self, *, after: Any = None, size: int | None = None) -> list[tuple[Any, Any]]:
        """(pk, what the column holds) of the rows that hold something, by pk."""
        found: models.QuerySet[Any] = self.model._base_manager.exclude(**{f"{self.field}__isnull": True})
        if after is not None:
            found = found.filter(pk__gt=after)
        return list(found.order_by("pk").values_list("pk", self.field)[:size])


def list_places() -> list[Place]:
    """Every column that holds sealed values, by model."""
    fields = [
        Place(model, field.name, False)
        for model in apps.get_models()
        for field in model._meta.local_concrete_fields
        if isinstance(field, SecretField)
    ]
    return fields + [Place(apps.get_model(model), field, True) for model, field in sorted(_json_places)]


def tokens_in(held: Any) -> Iterator[str]:
    """The sealed values in what a column holds."""
    if isinstance(held, Secret):
        yield held.token
    elif isinstance(held, str):
        if is_token(held):
            yield held
    elif isinstance(held, dict | list):
        for inner in held.values() if isinstance(held, dict) else held:
            yield from tokens_in(inner)


def with_tokens(held: Any, change: Callable[[str], str]) -> Any:
    """A copy of decoded JSON in which each sealed value is replaced by `change` of it."""
    if isinstance(held, str):
        return change(held) if is_token(held) else held
    if isinstance(held, list):
        return [with_tokens(inner, change) for inner in held]
    if isinstance(held, dict):
        return {name: with_tokens(inner, change) for name, inner in held.items()}
    return held


def is_token(text: str) -> bool:
    return text.startswith(SEALED_START) and len(text) >= SHORTEST_SEALED


def list_tokens() -> Iterator[tuple[Place, Any, str]]:
    """(place, pk, sealed value) of all there are; read in portions."""
    for place in list_places():
        after = None
        while rows := place.rows(after=after, size=500):
            after = rows[-1][0]
            for pk, held in rows:
                for token in tokens_in(held):
                    yield place, pk, token
