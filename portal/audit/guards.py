"""The database's own refusal to change or delete an entry, whoever asks.

Numbering and sealing an entry once is let through, and deleting what lies in a removed segment.
They are put up after each migration and taken down before one, since SQLite rebuilds tables.
Whoever owns the database can take them down too: that is what `manage.py audit verify` is for.
"""

from typing import Any, Final

from django.db import connection

from portal.audit.models import Entry, Segment

_SEALING: Final = {"number", "mac"}
_NAMES: Final = ("audit_entry_no_update", "audit_entry_no_delete", "audit_entry_no_truncate")


def install() -> None:
    """Put the triggers up; does nothing where they are."""
    with connection.cursor() as cursor:
        _drop(cursor)
        for statement in _STATEMENTS[connection.vendor]():
            cursor.execute(statement)


def remove() -> None:
    """Take the triggers down, for a migration or a test's clean-up."""
    with connection.cursor() as cursor:
        _drop(cursor)


def can_be_up() -> bool:
    """Whether the tables are those of this code: not before the first migration, or an older one."""
    introspection = connection.introspection
    with connection.cursor() as cursor:
        tables = introspection.table_names(cursor)
        for model in (Entry, Segment):
            if model._meta.db_table not in tables:
                return False
            there = {
                column.name for column in introspection.get_table_description(cursor, model._meta.db_table)
            }
            if not {field.column for field in model._meta.concrete_fields} <= there:
                return False
    return True


def are_up() -> bool:
    """Whether the database refuses to change and delete entries."""
    catalogue = "sqlite_master WHERE type = 'trigger'" if connection.vendor == "sqlite" else "pg_trigger"
    column = "name" if connection.vendor == "sqlite" else "tgname"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {catalogue}")  # noqa: S608  (names from above)
        found = {name for (name,) in cursor.fetchall()}
    return {"audit_entry_no_update", "audit_entry_no_delete"} <= found


def _drop(cursor: Any) -> None:
    if connection.vendor == "sqlite":
        for name in _NAMES:
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
        return
    cursor.execute("SELECT to_regclass('audit_entry')")
    if cursor.fetchone()[0] is not None:
        for name in _NAMES:
            cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON audit_entry")


def _kept_columns() -> list[str]:
    columns = [str(field.column) for field in Entry._meta.concrete_fields]
    return [column for column in columns if column not in _SEALING]


def _is_removed() -> str:
    segment = Segment._meta.db_table
    return (
        f"SELECT 1 FROM {segment} WHERE removed_at IS NOT NULL"  # noqa: S608
        " AND OLD.number BETWEEN first_number AND last_number"
    )


def _sqlite() -> list[str]:
    changed = " OR ".join(f'NEW."{column}" IS NOT OLD."{column}"' for column in _kept_columns())
    return [
        f"CREATE TRIGGER audit_entry_no_update BEFORE UPDATE ON audit_entry"
        f" WHEN OLD.number IS NOT NULL OR {changed}"
        " BEGIN SELECT RAISE(ABORT, 'entries of the audit are never changed'); END",
        f"CREATE TRIGGER audit_entry_no_delete BEFORE DELETE ON audit_entry"
        f" WHEN OLD.number IS NULL OR NOT EXISTS ({_is_removed()})"
        " BEGIN SELECT RAISE(ABORT, 'entries of the audit are never deleted'); END",
    ]


def _postgresql() -> list[str]:
    changed = " OR ".join(f'NEW."{column}" IS DISTINCT FROM OLD."{column}"' for column in _kept_columns())
    return [
        f"""
        CREATE OR REPLACE FUNCTION audit_entry_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'UPDATE' THEN
                IF OLD.number IS NULL AND NOT ({changed}) THEN RETURN NEW; END IF;
                RAISE EXCEPTION 'entries of the audit are never changed' USING ERRCODE = '23001';
            ELSIF TG_OP = 'DELETE' THEN
                IF OLD.number IS NOT NULL AND EXISTS ({_is_removed()}) THEN RETURN OLD; END IF;
            END IF;
            RAISE EXCEPTION 'entries of the audit are never deleted' USING ERRCODE = '23001';
        END $$
        """,
        "CREATE TRIGGER audit_entry_no_update BEFORE UPDATE ON audit_entry"
        " FOR EACH ROW EXECUTE FUNCTION audit_entry_refuse()",
        "CREATE TRIGGER audit_entry_no_delete BEFORE DELETE ON audit_entry"
        " FOR EACH ROW EXECUTE FUNCTION audit_entry_refuse()",
        "CREATE TRIGGER audit_entry_no_truncate BEFORE TRUNCATE ON audit_entry"
        " FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_refuse()",
    ]


_STATEMENTS: Final = {"sqlite": _sqlite, "postgresql": _postgresql}
