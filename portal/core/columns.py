"""How values are written to columns where no model instance stands between."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection, models

Row = Sequence[Any]
Convert = list[tuple[int, Callable[[Any], Any]]]
"""Places in a row, and how their values are converted."""


def conversions(fields: Sequence[Any]) -> Convert:
    """What has to be done to values of these fields before this database takes them."""
    if connection.vendor == "sqlite":
        converters = [_converter(field) for field in fields]
    else:
        converters = [_json_text if type(field) is models.JSONField else None for field in fields]
    return [(place, how) for place, how in enumerate(converters) if how is not None]


def _converter(field: Any) -> Callable[[Any], Any] | None:
    """How SQLite stores a value of this field; None where it takes Python's own."""
    if isinstance(field, models.DateTimeField):
        return _sqlite_datetime
    if isinstance(field, models.DateField):
        return _sqlite_date
    if type(field) is models.JSONField:
        return _json_text
    if type(field) is models.UUIDField:
        return _hex
    plain = (models.CharField, models.TextField, models.IntegerField, models.BooleanField, models.ForeignKey)
    if isinstance(field, (*plain, models.BinaryField)) and type(field).get_db_prep_save in {
        base.get_db_prep_save for base in (*plain, models.BinaryField)
    }:
        return None
    return lambda value: field.get_db_prep_save(value, connection)


def _sqlite_datetime(value: datetime | None) -> str | None:
    if value is None:
        return None
    return str(value if value.tzinfo is UTC else value.astimezone(UTC))[:-6]  # without +00:00


def _json_text(value: Any) -> str | None:
    """Of what was read from JSON, which holds nothing that JSON does not know."""
    return None if value is None else msgspec.json.encode(value).decode()


def _hex(value: UUID | None) -> str | None:
    return None if value is None else value.hex


def _sqlite_date(value: date | None) -> str | None:
    return None if value is None else value.isoformat()


def converted(row: Row, convert: Convert) -> Row:
    if not convert:
        return row
    converted = list(row)
    for place, how in convert:
        converted[place] = how(converted[place])
    return converted


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def unnested(fields: Sequence[Any]) -> str:
    """PostgreSQL's way to take rows as one list for each column, which costs it far less to read."""
    types = (str(field.db_type(connection)).split("(")[0] for field in fields)  # none is cut off in silence
    return f"unnest({', '.join(f'%s::{type_name}[]' for type_name in types)})"


def by_column(rows: Sequence[Row]) -> list[list[Any]]:
    """The rows, of which there are some, as a list for each column."""
    return [list(column) for column in zip(*rows, strict=True)]
