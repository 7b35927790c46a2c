"""Writes columns of many rows that exist already, each row with values of its own."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection, models

from portal.core.columns import Row, as_records, conversions, converted, quote, told_as_json


def update_values(model: type[models.Model], names: Sequence[str], rows: Iterable[Row]) -> None:
    """Write the named columns of rows of `model` in one statement. Each row ends with its id.

    As `bulk_update`, which writes a CASE for each column and row: a hundred rows cost it 50 ms.
    """
    meta = model._meta
    fields: tuple[Any, ...] = (*(meta.get_field(name) for name in names), meta.pk)
    convert = conversions(fields)
    values = [converted(row, convert) for row in rows]
    if not values:
        return
    table, columns = quote(meta.db_table), [quote(field.column) for field in fields]
    key = columns.pop()
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            assignments = ", ".join(f"{column} = %s" for column in columns)
            cursor.executemany(f"UPDATE {table} SET {assignments} WHERE {key} = %s", values)  # noqa: S608
            return
        assignments = ", ".join(f"{column} = told.{column}" for column in columns)
        cursor.execute(
            f"UPDATE {table} SET {assignments} FROM {as_records(fields)}"  # noqa: S608
            f" WHERE {table}.{key} = told.{key}",
            [told_as_json(fields, values)],
        )
