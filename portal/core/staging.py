"""How each database takes many rows of one table: packed ahead, then handed over in few steps."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from io import BytesIO
from itertools import chain
from sqlite3 import Cursor
from typing import Any, Final

from django.db import connection
from psycopg import Copy
from psycopg.copy import FileWriter

from portal.core.chunks import chunked
from portal.core.columns import as_records, converted, moments_as_text, quote, told_as_json

VALUES: Final = 30_000
"""Of one statement on SQLite, which takes 32,766."""

Rows = list[tuple[Any, ...]]


class Staging(ABC):
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

    @abstractmethod
    def pack(self, rows: Rows) -> Any:
        """The rows as `fill` and `insert` take them. Asks no database, so that any thread may do it."""

    def fill(self, packed: Any) -> None:
        """Hold exactly these rows."""
        with connection.cursor() as cursor:
            if not self._made:
                cursor.execute(f"DROP TABLE IF EXISTS {self._name}")
                cursor.execute(
                    f"CREATE TEMP TABLE {self._name} AS SELECT {self._names} FROM {self._table} LIMIT 0"  # noqa: S608
                )
                self._made = True
            else:
                cursor.execute(f"DELETE FROM {self._name}")  # noqa: S608
            self._put_aside(cursor, packed)

    def move(self, conflict: str) -> int:
        """Write the rows held to the real table; gives how many were inserted or differed."""
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
    def pass_by(self, rows: Rows, conflict: str) -> None:
        """Write `rows`, of which there are some, to the real table without holding them."""

    def insert(self, packed: Any) -> None:
        """Write rows that are not there yet to the real table."""
        with connection.cursor() as cursor:
            self._put(cursor, self._table, packed)

    def _put_aside(self, cursor: Any, packed: Any) -> None:
        self._put(cursor, self._name, packed)

    @abstractmethod
    def _put(self, cursor: Any, table: str, packed: Any) -> None:
        """Add the rows to a table."""


class SQLiteStaging(Staging):
    """Many rows by one statement, so that the interpreter is free for other threads until it is done.

    Packed are the values of one statement after the other.
    """

    def pack(self, rows: Rows) -> list[list[Any]]:
        return [list(chain.from_iterable(part)) for part in chunked(rows, VALUES // len(self._fields))]

    def pass_by(self, rows: Rows, conflict: str) -> None:
        with connection.cursor() as cursor:
            for values in self.pack(rows):
                cursor.execute(f"{self._into} VALUES {self._marks('%s', values)} {conflict}", values)

    def _put_aside(self, cursor: Any, packed: list[list[Any]]) -> None:
        """In one transaction of the temporary database alone."""
        alone = not connection.in_atomic_block
        if alone:
            cursor.execute("BEGIN")  # deferred: it locks what it touches, which is temporary
        self._put(cursor, self._name, packed)
        if alone:
            cursor.execute("COMMIT")

    def _put(self, cursor: Any, table: str, packed: list[list[Any]]) -> None:
        """By the driver itself: Django would look at each mark, which takes longer than to write."""
        for values in packed:
            statement = f"INSERT INTO {table} ({self._names}) VALUES {self._marks('?', values)}"  # noqa: S608
            with connection.wrap_database_errors:
                Cursor.execute(cursor.cursor, statement, values)

    def _marks(self, mark: str, values: list[Any]) -> str:
        one = f"({', '.join([mark] * len(self._fields))})"
        return ", ".join([one] * (len(values) // len(self._fields)))


class PostgreSQLStaging(Staging):
    """Packed is what COPY reads."""

    def __init__(self, table: str, fields: Sequence[Any]) -> None:
        super().__init__(table, fields)
        connection.ensure_connection()
        self._adapting = connection.connection.cursor()
        self._moments = moments_as_text(fields)

    def pack(self, rows: Rows) -> bytes:
        file = BytesIO()
        with Copy(self._adapting, writer=FileWriter(file)) as copy:
            for row in rows:
                copy.write_row(converted(row, self._moments))
        return file.getvalue()

    def pass_by(self, rows: Rows, conflict: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                f"{self._into} SELECT * FROM {as_records(self._fields)} {conflict}",  # noqa: S608
                [told_as_json(self._fields, rows)],
            )

    def _put(self, cursor: Any, table: str, packed: bytes) -> None:
        with connection.wrap_database_errors, cursor.copy(f"COPY {table} ({self._names}) FROM STDIN") as copy:
            copy.write(packed)
