"""Writes columns of many rows that exist already, each row with values of its own."""

from collections.abc import Sequence
from typing import Any

from django.db import connection, models


def update_rows(rows: Sequence[models.Model], names: Sequence[str]) -> None:
    """Write the named fields of `rows`, all of one model, in one statement.

    As `bulk_update`, which writes a CASE for each column and row: a hundred rows cost it 50 ms.
    """
    if not rows:
        return
    meta = rows[0]._meta
    fields: list[Any] = [meta.get_field(name) for name in names]
    values = [
        (*(field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields), row.pk)
        for row in rows
    ]
    table, key = _quote(meta.db_table), _quote(str(meta.pk.column))
    columns = [_quote(field.column) for field in fields]
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            assignments = ", ".join(f"{column} = %s" for column in columns)
            cursor.executemany(f"UPDATE {table} SET {assignments} WHERE {key} = %s", values)  # noqa: S608
            return
        typed = ", ".join(f"%s::{field.cast_db_type(connection)}" for field in (*fields, meta.pk))
        plain = ", ".join(["%s"] * (len(fields) + 1))
        listed = ", ".join([f"({typed})", *[f"({plain})"] * (len(rows) - 1)])
        assignments = ", ".join(f"{column} = told.{column}" for column in columns)
        cursor.execute(
            f"UPDATE {table} SET {assignments} FROM (VALUES {listed})"  # noqa: S608
            f" AS told ({', '.join(columns)}, {key}) WHERE {table}.{key} = told.{key}",
            [value for row in values for value in row],
        )


def _quote(name: str) -> str:
    return connection.ops.quote_name(name)
