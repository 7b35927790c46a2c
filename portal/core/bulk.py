"""Writing many rows at once without getting in anybody's way.

SQLite has one writer at a time: rows go in as short transactions, and after each the writer stays
away for as long as it held the lock, so that a web request's small write never waits long.
PostgreSQL takes them by COPY into a staging table. Both write only rows that differ.
"""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

from django.db import connection, models, transaction

Row = Sequence[Any]

CHUNK: Final = 500
"""Rows of one transaction on SQLite."""


def upsert(
    model: type[models.Model],
    rows: Iterable[Row],
    *,
    unique: Sequence[str],
    update: Sequence[str],
    add: Sequence[str] = (),
    constants: Mapping[str, Any] | None = None,
    chunk: int = CHUNK,
    pause: bool = True,
) -> int:
    """Insert rows, or update those there already; gives how many were inserted or differed.

    Each row holds the values of `unique`, `update` and `add`, in that order, by attribute name
    (`server_id`). A row is the same where `unique` is; `update` columns then take the new value,
    `add` columns grow by it. No row may come twice in one chunk. Columns not named keep what they
    hold; in a new row they take the value in `constants`, else their model's default.

    Each chunk is a transaction of its own unless the caller has one open, and with `pause` a writer
    to SQLite stays away between chunks for as long as each took to write.
    """
    fields = [model._meta.get_field(_field_name(model, name)) for name in (*unique, *update, *add)]
    defaults = [
        field for field in model._meta.concrete_fields if not field.primary_key and field not in fields
    ]
    on_sqlite = connection.vendor == "sqlite"
    convert = [_converter(field) for field in fields] if on_sqlite else []
    given = {_field_name(model, name): value for name, value in (constants or {}).items()}
    filling = tuple(
        field.get_db_prep_save(given.get(field.name, field.get_default()), connection) for field in defaults
    )
    columns = [str(field.column) for field in (*fields, *defaults)]
    conflict = _on_conflict(
        model._meta.db_table,
        columns[: len(unique)],
        columns[len(unique) : len(unique) + len(update)],
        columns[len(unique) + len(update) : len(fields)],
    )
    write = _write_sqlite if on_sqlite else _write_postgresql
    pause = pause and on_sqlite and not connection.in_atomic_block
    written, rest_until = 0, 0.0
    for part in _chunks(rows, chunk):
        values = [(*_converted(row, convert), *filling) for row in part]
        if pause:
            _wait_until(rest_until)
        began = time.perf_counter()
        with transaction.atomic():
            written += write(model._meta.db_table, columns, values, conflict)
        rest_until = (ended := time.perf_counter()) + (ended - began)
    if pause:
        _wait_until(rest_until)
    return written


def _field_name(model: type[models.Model], attname: str) -> str:
    return next(field.name for field in model._meta.concrete_fields if attname in (field.attname, field.name))


def _on_conflict(table: str, unique: list[str], update: list[str], add: list[str]) -> str:
    """The end of the INSERT: what happens to a row that is there already."""
    assignments = [f"{_quote(name)} = excluded.{_quote(name)}" for name in update]
    assignments += [
        f"{_quote(name)} = {_quote(table)}.{_quote(name)} + excluded.{_quote(name)}" for name in add
    ]
    distinct = "IS NOT" if connection.vendor == "sqlite" else "IS DISTINCT FROM"
    differs = [f"{_quote(table)}.{_quote(name)} {distinct} excluded.{_quote(name)}" for name in update]
    differs += [f"excluded.{_quote(name)} <> 0" for name in add]
    keys = ", ".join(map(_quote, unique))
    if not assignments:
        return f"ON CONFLICT ({keys}) DO NOTHING"
    return f"ON CONFLICT ({keys}) DO UPDATE SET {', '.join(assignments)} WHERE {' OR '.join(differs)}"


def _write_sqlite(table: str, columns: list[str], values: list[tuple[Any, ...]], conflict: str) -> int:
    names = ", ".join(map(_quote, columns))
    marks = ", ".join(["%s"] * len(columns))
    sql = f"INSERT INTO {_quote(table)} ({names}) VALUES ({marks}) {conflict}"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.executemany(sql, values)
        return max(0, cursor.rowcount)


def _write_postgresql(table: str, columns: list[str], values: list[tuple[Any, ...]], conflict: str) -> int:
    names = ", ".join(map(_quote, columns))
    staging = _quote(f"staging_{table}"[:63])
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMP TABLE {staging} ON COMMIT DROP AS SELECT {names} FROM {_quote(table)} WITH NO DATA"  # noqa: S608
        )
        with cursor.copy(f"COPY {staging} ({names}) FROM STDIN") as copy:
            for row in values:
                copy.write_row(row)
        cursor.execute(
            f"INSERT INTO {_quote(table)} ({names}) SELECT {names} FROM {staging} {conflict}"  # noqa: S608
        )
        written = cursor.rowcount
        cursor.execute(f"DROP TABLE {staging}")
        return int(written)


def _converter(field: Any) -> Callable[[Any], Any] | None:
    """How SQLite stores a value of this field; None where it takes Python's own."""
    if isinstance(field, models.DateTimeField):
        return _sqlite_datetime
    if isinstance(field, models.DateField):
        return _sqlite_date
    plain = (models.CharField, models.TextField, models.IntegerField, models.BooleanField, models.ForeignKey)
    if isinstance(field, (*plain, models.BinaryField)) and type(field).get_db_prep_save in {
        base.get_db_prep_save for base in (*plain, models.BinaryField)
    }:
        return None
    return lambda value: field.get_db_prep_save(value, connection)


def _sqlite_datetime(value: datetime | None) -> str | None:
    if value is None:
        return None
    return str((value if value.tzinfo is UTC else value.astimezone(UTC)).replace(tzinfo=None))


def _sqlite_date(value: date | None) -> str | None:
    return None if value is None else value.isoformat()


def _converted(row: Row, convert: list[Callable[[Any], Any] | None]) -> Row:
    if not convert:
        return row
    return [value if how is None else how(value) for value, how in zip(row, convert, strict=True)]


def _chunks(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    iterator = iter(rows)
    while part := list(itertools.islice(iterator, size)):
        yield part


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _wait_until(moment: float) -> None:
    left = moment - time.perf_counter()
    if left > 0:
        time.sleep(left)
