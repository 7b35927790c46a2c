"""Values on their way to columns, and from them, where no model instance stands between."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection, models

Row = Sequence[Any]
Convert = list[tuple[int, Callable[[Any], Any]]]
"""Places in a row, and how their values are converted."""


def conversions(fields: Sequence[Any]) -> Convert:
    """What has to be done to values of these fields before this database takes them."""
    if connection.vendor != "sqlite":
        return []
    converters = (_converter(field) for field in fields)
    return [(place, how) for place, how in enumerate(converters) if how is not None]


def moments_as_text(fields: Sequence[Any]) -> Convert:
    """Times as text, for PostgreSQL's COPY: psycopg takes ten times as long to write one."""
    return [(place, _iso) for place, field in enumerate(fields) if isinstance(field, models.DateTimeField)]


def _iso(value: datetime | None) -> str | None:
    """As `isoformat`; in UTC it ends with Z."""
    text: str | None = msgspec.to_builtins(value)
    return text


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
    text = msgspec.to_builtins(value if value.tzinfo is UTC else value.astimezone(UTC))  # faster than str()
    return f"{text[:10]} {text[11:-1]}"


def _json_text(value: Any) -> str | None:
    """Of what was read from JSON, which holds nothing that JSON does not know."""
    return None if value is None else msgspec.json.encode(value).decode()


def _hex(value: UUID | None) -> str | None:
    return None if value is None else value.hex


def _sqlite_date(value: date | None) -> str | None:
    return None if value is None else value.isoformat()


def converted(row: Row, convert: Convert) -> Row:
    """`row` with the values at those places converted."""
    if not convert:
        return row
    converted = list(row)
    for place, how in convert:
        converted[place] = how(converted[place])
    return converted


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@cache
def as_records(fields: Sequence[Any]) -> str:
    """PostgreSQL's way to take any number of rows as one parameter, `told_as_json`.

    To write a placeholder for each value, or an array for each column, took longer than all the rest
    of a batch. A text that is too long for its column is refused, as everywhere.
    """
    types = ((quote(field.column), str(field.db_type(connection)).split("(")[0]) for field in fields)
    return f"json_to_recordset(%s::json) AS told({', '.join(map(' '.join, types))})"


def told_as_json(fields: Sequence[Any], rows: Iterable[Row]) -> str:
    """The rows as `as_records` takes them; values are such as JSON knows, times and UUIDs among them."""
    names = [field.column for field in fields]
    records = [dict(zip(names, row, strict=True)) for row in rows]
    return msgspec.json.encode(records, enc_hook=_plain).decode()


def _plain(value: Any) -> Any:
    """The number in what fields make of numbers for PostgreSQL, which tells of their size."""
    if isinstance(value, int):
        return int(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
