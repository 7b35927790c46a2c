"""Adds rows of one model many times a second, given as values: nothing is made for each row or statement."""

from collections.abc import Sequence
from typing import Any

from django.db import connection, models

from portal.core.columns import Row, as_records, conversions, converted, quote, told_as_json


class Inserts:
    """Rows of the named columns (`server_id`), added by one statement; the database gives the ids.

    What is not named has to have a default in the database. Plain values go in as they are: what
    lengths and choices allow is the caller's to see to.
    """

    def __init__(self, model: type[models.Model], names: Sequence[str]) -> None:
        by_name = {field.attname: field for field in model._meta.concrete_fields}
        self._fields: tuple[Any, ...] = tuple(by_name[name] for name in names)
        self._key = quote(str(model._meta.pk.column))
        columns = ", ".join(quote(field.column) for field in self._fields)
        self._into = f"INSERT INTO {quote(model._meta.db_table)} ({columns})"

    def write(self, rows: Sequence[Row]) -> list[int]:
        """Add `rows`, within the caller's transaction; gives their ids, in the same order."""
        if not rows:
            return []
        convert = conversions(self._fields)
        values = [converted(row, convert) for row in rows]
        with connection.cursor() as cursor:
            if connection.vendor != "sqlite":
                cursor.execute(
                    f"{self._into} SELECT * FROM {as_records(self._fields)} RETURNING {self._key}",  # noqa: S608
                    [told_as_json(self._fields, values)],
                )
                return [pk for (pk,) in cursor.fetchall()]
            marks = ", ".join(["%s"] * len(self._fields))
            cursor.executemany(f"{self._into} VALUES ({marks})", values)
            cursor.execute("SELECT last_insert_rowid()")
            last = int(cursor.fetchone()[0])
        return list(range(last - len(rows) + 1, last + 1))  # nobody else writes meanwhile
