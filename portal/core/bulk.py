"""Writing many rows at once without getting in anybody's way.

SQLite has one writer at a time: rows go in as short transactions, and after each the writer stays
away for as long as it held the lock, so that a web request's small write never waits long.
Rows are put into a temporary table first, which locks nothing (by COPY on PostgreSQL), and move
from there by one statement that writes only those that differ.
"""

import itertools
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Self, TypeVar

from django.db import connection, models, transaction

from portal.core.columns import Row, as_records, conversions, converted, quote, told_as_json

RowT = TypeVar("RowT")

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
    transaction of its own unless the caller has one open, and with `pause` a writer to SQLite stays
    away between chunks for as long as each took to write.
    """
    pacer = Pacer(active=pause)
    written = 0
    with Upsert(model, unique=unique, update=update, add=add, constants=constants) as writer:
        for part in chunked(rows, chunk):
            writer.fill(part)
            with pacer, transaction.atomic():
                written += writer.move()
    pacer.rest()
    return written


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
        staging = _SQLiteStaging if connection.vendor == "sqlite" else _PostgreSQLStaging
        self._stage = staging(model._meta.db_table, (*fields, *filled))
        self._holds_any = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stage.drop()

    def write(self, rows: Iterable[Row]) -> None:
        """Write a few rows at once, none of them twice: one statement, and no table between."""
        prepared = self.prepared(rows)
        if prepared:
            self._stage.pass_by(prepared, self._conflict)

    def fill(self, rows: Iterable[Row]) -> None:
        """Hold exactly `rows`, none of them twice, for the next `move`."""
        prepared = self.prepared(rows)
        self._holds_any = bool(prepared)
        if prepared:
            self._stage.fill(prepared)

    def move(self) -> int:
        """Write the rows held; gives how many were inserted or differed."""
        return self._stage.move(self._conflict) if self._holds_any else 0

    def prepared(self, rows: Iterable[Row]) -> list[tuple[Any, ...]]:
        """The rows as `insert` takes them."""
        return [(*converted(row, self._convert), *self._filling) for row in rows]

    def insert(self, prepared: list[tuple[Any, ...]]) -> None:
        """Write rows that the caller knows not to be there, past the table between.

        Raises:
            IntegrityError: one is there.
        """
        if prepared:
            self._stage.insert(prepared)


class Pacer:
    """Around each of a row of transactions: on SQLite it keeps the writer away after one for as long
    as that one took, unless the caller has a transaction open himself.

    What is prepared meanwhile costs no extra time: the rest is waited for before the next one.
    """

    def __init__(self, *, active: bool = True) -> None:
        self._active = active and connection.vendor == "sqlite" and not connection.in_atomic_block
        self._rest_until = 0.0
        self._began = 0.0

    def __enter__(self) -> None:
        self.rest()
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        ended = time.perf_counter()
        self._rest_until = ended + (ended - self._began)

    def rest(self) -> None:
        """Wait until the latest pause is over."""
        left = self._rest_until - time.perf_counter()
        if self._active and left > 0:
            time.sleep(left)


@contextmanager
def lazy_commit() -> Iterator[None]:
    """A transaction that PostgreSQL need not have on disk to go on, for what would be read again.

    The next ordinary commit waits for it too, so nothing is remembered as done that is not.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL synchronous_commit = off")
        yield


def chunked(rows: Iterable[RowT], size: int) -> Iterator[list[RowT]]:
    """Lists of at most `size`."""
    iterator = iter(rows)
    while part := list(itertools.islice(iterator, size)):
        yield part


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


class _Staging(ABC):
    """A temporary table of this connection, shaped like the columns that are written.

    Filling it holds no lock on the real table; moving its rows there is one statement.
    """

    def __init__(self, table: str, fields: Sequence[Any]) -> None:
        self._table = quote(table)
        self._name = quote(f"staging_{table}"[:63])
        self._fields = fields
        self._names = ", ".join(quote(field.column) for field in fields)
        self._into = f"INSERT INTO {self._table} ({self._names})"
        self._made = False

    def fill(self, rows: list[tuple[Any, ...]]) -> None:
        """Hold exactly `rows`."""
        with connection.cursor() as cursor:
            if not self._made:
                cursor.execute(f"DROP TABLE IF EXISTS {self._name}")
                cursor.execute(
                    f"CREATE TEMP TABLE {self._name} AS SELECT {self._names} FROM {self._table} LIMIT 0"  # noqa: S608
                )
                self._made = True
            else:
                cursor.execute(f"DELETE FROM {self._name}")  # noqa: S608
            self._put_aside(cursor, rows)

    def move(self, conflict: str) -> int:
        """Write the rows to the real table; gives how many were inserted or differed."""
        with connection.cursor() as cursor:
            cursor.execute(
                f"{self._into} SELECT {self._names} FROM {self._name} WHERE true {conflict}"  # noqa: S608
            )
            return max(0, int(cursor.rowcount))

    def drop(self) -> None:
        if self._made and not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute(f"DROP TABLE IF EXISTS {self._name}")

    @abstractmethod
    def pass_by(self, rows: list[tuple[Any, ...]], conflict: str) -> None:
        """Write `rows`, of which there are some, to the real table without holding them."""

    def insert(self, rows: list[tuple[Any, ...]]) -> None:
        """Write rows that are not there yet to the real table."""
        with connection.cursor() as cursor:
            self._put(cursor, self._table, rows)

    def _put_aside(self, cursor: Any, rows: list[tuple[Any, ...]]) -> None:
        self._put(cursor, self._name, rows)

    @abstractmethod
    def _put(self, cursor: Any, table: str, rows: list[tuple[Any, ...]]) -> None:
        """Add the rows to a table."""


class _SQLiteStaging(_Staging):
    """Rows are put aside in one transaction of the temporary database alone."""

    @property
    def _marks(self) -> str:
        return ", ".join(["%s"] * len(self._fields))

    def pass_by(self, rows: list[tuple[Any, ...]], conflict: str) -> None:
        with connection.cursor() as cursor:
            cursor.executemany(f"{self._into} VALUES ({self._marks}) {conflict}", rows)

    def _put_aside(self, cursor: Any, rows: list[tuple[Any, ...]]) -> None:
        alone = not connection.in_atomic_block
        if alone:
            cursor.execute("BEGIN")  # deferred: it locks what it touches, which is temporary
        self._put(cursor, self._name, rows)
        if alone:
            cursor.execute("COMMIT")

    def _put(self, cursor: Any, table: str, rows: list[tuple[Any, ...]]) -> None:
        cursor.executemany(f"INSERT INTO {table} ({self._names}) VALUES ({self._marks})", rows)  # noqa: S608


class _PostgreSQLStaging(_Staging):
    def pass_by(self, rows: list[tuple[Any, ...]], conflict: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                f"{self._into} SELECT * FROM {as_records(self._fields)} {conflict}",  # noqa: S608
                [told_as_json(self._fields, rows)],
            )

    def _put(self, cursor: Any, table: str, rows: list[tuple[Any, ...]]) -> None:
        with connection.wrap_database_errors, cursor.copy(f"COPY {table} ({self._names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
