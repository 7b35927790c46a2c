"""The portal's database, read with plain SQL: what the portal holds, without any of its code."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import psycopg.rows

Row = dict[str, Any]


class Database:
    """SQLite in `data`, or PostgreSQL where there is a `url`. Moments come as Unix seconds."""

    def __init__(self, data: Path, url: str) -> None:
        self._path = data / "perihelion.sqlite3"
        self._url = url

    def rows(self, query: str) -> list[Row]:
        with self._connected() as cursor:
            cursor.execute(query)
            return [{name: _plain(value) for name, value in dict(row).items()} for row in cursor.fetchall()]

    def number(self, query: str) -> int:
        """The one number that `query` gives."""
        (value,) = self.rows(query)[0].values()
        return int(value or 0)

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        if self._url:
            with psycopg.connect(self._url, row_factory=psycopg.rows.dict_row) as connection:
                yield connection.cursor()
            return
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=20)) as connection:
            connection.row_factory = sqlite3.Row
            yield connection.cursor()


def _plain(value: Any) -> Any:
    """SQLite writes moments as text, in UTC."""
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, str) and len(value) >= 19 and value[4] == value[7] == "-" and value[10] == " ":
        try:
            return datetime.fromisoformat(value).replace(tzinfo=UTC).timestamp()
        except ValueError:
            return value
    return value
