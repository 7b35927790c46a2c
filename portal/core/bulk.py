"""Writing many rows at once without getting in anybody's way.

SQLite has one writer at a time: rows go in as short transactions, with rests between them (`pacing`).
Rows are put into a temporary table first, which locks nothing (by COPY on PostgreSQL), and move
from there by one statement that writes only those that differ.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from django.db import connection, models, transaction

from portal.core.chunks import chunked
from portal.core.columns import Row, conversions, converted, quote
from portal.core.pacing import Pacer
from portal.core.staging import PostgreSQLStaging, SQLiteStaging

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

    The rows and columns are as for `Upsert`; no row may come twice in one chunk. Each chunk is a
    transaction of its own unless the caller has one open, and with `pause` a writer to SQLite rests
    between chunks.
    """
    pacer = Pacer(active=pause)
    written = 0
    with Upsert(model, unique=unique, update=update, add=add, constants=constants) as writer:
        for part in chunked(rows, chunk):
            writer.fill(writer.pack(part))
            with pacer, transaction.atomic():
                written += writer.move()
    pacer.rest()
    return written


@dataclass(frozen=True, slots=True)
class Packed:
    """Rows that are ready to be written; `rows` is as the database at hand takes them."""

    count: int
    rows: Any


class Upsert:
    """Writes rows of one model in two steps: `fill` locks nothing, `move` is one statement.

    Each row holds the values of `unique`, `update` and `add`, in that order, by attribute name
    (`server_id`). A row is the same where `unique` is; `update` columns then take the new value,
    `add` columns grow by it. Columns not named keep what they hold; in a new row they take the
    value in `constants`, else their model's default. Use it as a context.
    """

    def __init__(
        self,
        model: type[models.Model],
        *,
        unique: Sequence[str],
        update: Sequence[str],
        add: Sequence[str] = (),
        constants: Mapping[str, Any] | None = None,
    ) -> None:
        by_name = {
            name: field for field in model._meta.concrete_fields for name in (field.name, field.attname)
        }
        fields: list[Any] = [by_name[name] for name in (*unique, *update, *add)]
        filled = [
            field for field in model._meta.concrete_fields if not field.primary_key and field not in fields
        ]
        given = {by_name[name]: value for name, value in (constants or {}).items()}
        self._filling = tuple(
            field.get_db_prep_save(given.get(field, field.get_default()), connection) for field in filled
        )
        self._convert = conversions(fields)
        columns = [field.column for field in (*fields, *filled)]
        first_added = len(unique) + len(update)
        self._conflict = _on_conflict(
            model._meta.db_table,
            columns[: len(unique)],
            columns[len(unique) : first_added],
            columns[first_added : len(fields)],
        )
        staging = SQLiteStaging if connection.vendor == "sqlite" else PostgreSQLStaging
        self._stage = staging(model._meta.db_table, (*fields, *filled))
        self._holds_any = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stage.drop()

    def write(self, rows: Iterable[Row]) -> None:
        """Write a few rows at once, none of them twice: one statement, and no table between."""
        prepared = self._prepared(rows)
        if prepared:
            self._stage.pass_by(prepared, self._conflict)

    def pack(self, rows: Iterable[Row]) -> Packed:
        """The rows as `fill` and `insert` take them. Asks no database, so that any thread may do it."""
        prepared = self._prepared(rows)
        return Packed(len(prepared), self._stage.pack(prepared) if prepared else None)

    def fill(self, packed: Packed) -> None:
        """Hold exactly these rows, none of them twice, for the next `move`."""
        self._holds_any = packed.count > 0
        if self._holds_any:
            self._stage.fill(packed.rows)

    def move(self) -> int:
        """Write the rows held; gives how many were inserted or differed."""
        return self._stage.move(self._conflict) if self._holds_any else 0

    def insert(self, packed: Packed) -> None:
        """Write rows that the caller knows not to be there, past the table between.

        Raises:
            IntegrityError: one is there.
        """
        if packed.count:
            self._stage.insert(packed.rows)

    def _prepared(self, rows: Iterable[Row]) -> list[tuple[Any, ...]]:
        return [(*converted(row, self._convert), *self._filling) for row in rows]


def _on_conflict(table: str, unique: list[str], update: list[str], add: list[str]) -> str:
    """The end of the INSERT: what happens to a row that is there already."""
    assignments = [f"{quote(name)} = excluded.{quote(name)}" for name in update]
    assignments += [f"{quote(name)} = {quote(table)}.{quote(name)} + excluded.{quote(name)}" for name in add]
    distinct = "IS NOT" if connection.vendor == "sqlite" else "IS DISTINCT FROM"
    differs = [f"{quote(table)}.{quote(name)} {distinct} excluded.{quote(name)}" for name in update]
    differs += [f"excluded.{quote(name)} <> 0" for name in add]
    keys = ", ".join(map(quote, unique))
    if not assignments:
        return f"ON CONFLICT ({keys}) DO NOTHING"
    return f"ON CONFLICT ({keys}) DO UPDATE SET {', '.join(assignments)} WHERE {' OR '.join(differs)}"
