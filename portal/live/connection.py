"""The database connection of a thread that works for as long as its process does."""

from collections.abc import Callable
from typing import Any

from django.db import close_old_connections, connections


def with_kept_connection(work: Callable[..., Any], *args: Any) -> Any:
    """`work`, whose connection stays open while it is usable; those of requests close (see `portal.asgi`)."""
    close_old_connections()
    try:
        return work(*args)
    finally:
        for connection in connections.all(initialized_only=True):
            connection.close_at = None
