"""What an action changed, value by value, for the entry that tells of it."""

from collections.abc import Mapping
from typing import Any

from django.db import models

from portal.core.encryption import MASK, Secret
from portal.core.secrecy import looks_secret


def snapshot(row: models.Model, *fields: str) -> dict[str, Any]:
    """The values that `fields` hold now, by the name people know them by. Take one before, one after."""
    values = {}
    for name in fields:
        field: Any = row._meta.get_field(name)
        values[str(field.verbose_name)] = getattr(row, name)
    return values


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[dict[str, str]]]:
    """The details that tell what differs; of a secret only that it does."""
    differing = [name for name in after if before.get(name) != after[name]]
    if not differing:
        return {}
    return {
        "changes": [
            {"field": name, "before": _said(name, before.get(name)), "after": _said(name, after[name])}
            for name in differing
        ]
    }


def _said(name: str, value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Secret) or looks_secret(name):
        return MASK
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)
