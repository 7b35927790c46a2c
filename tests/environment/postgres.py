"""A real PostgreSQL, for one test run."""

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Postgres:
    """A running PostgreSQL. `url` stays the same over `restart`."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.url: str = server.get_uri()

    def restart(self, *, at_once: bool) -> None:
        """Restart it; every connection ends. With `at_once` as a crash would, so that it has to recover."""
        from pgserver import pg_ctl

        mode = "immediate" if at_once else "fast"
        server = self._server
        pg_ctl(["-w", "-m", mode, "stop"], pgdata=server.pgdata, user=server.system_user)
        server.ensure_postgres_running()


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Start an empty PostgreSQL. Also works as root."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it prefers XDG_RUNTIME_DIR to be set
        import pgserver

    with (
        tempfile.TemporaryDirectory(prefix="perihelion-postgres-", ignore_cleanup_errors=True) as folder,
        pgserver.get_server(folder, cleanup_mode="stop") as server,
    ):
        yield Postgres(server)


@contextmanager
def postgres_url() -> Iterator[str]:
    """Start an empty PostgreSQL; yields its `DATABASE_URL`."""
    with running_postgres() as postgres:
        yield postgres.url
