"""A real PostgreSQL, for one test run."""

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def postgres_url() -> Iterator[str]:
    """Start an empty PostgreSQL; yields its `DATABASE_URL`. Also works as root."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it prefers XDG_RUNTIME_DIR to be set
        import pgserver

    with (
        tempfile.TemporaryDirectory(prefix="perihelion-postgres-", ignore_cleanup_errors=True) as folder,
        pgserver.get_server(folder, cleanup_mode="stop") as server,
    ):
        yield server.get_uri()
