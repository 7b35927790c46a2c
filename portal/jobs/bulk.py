"""Applies Jobs by the thousand: read together, worked out ahead, written in short transactions."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from operator import attrgetter
from typing import Final

from django.db import connection

from portal.core.bulk import Pacer, chunked, lazy_commit
from portal.jobs.changes import ApplyResult, Batch, Digests, Held, held_of, revision_of, work_out
from portal.jobs.merge import AnyJob
from portal.jobs.owners import Owners, owners_of
from portal.jobs.writer import Writer, note_written
from portal.servers.models import CometServer
from portal.servers.placements import lock_server

CHUNK: Final = 500
"""Jobs of one transaction."""


@dataclass(slots=True)
class _Known:
    """What is stored of the Jobs that are reported, at one revision of the server's Jobs."""

    revision: int
    owners: Owners
    stored: Held

    @classmethod
    def read(cls, server: CometServer, reports: Iterable[AnyJob]) -> "_Known":
        reports = list(reports)
        revision = revision_of(server)  # before all that it stands for
        return cls(revision, owners_of(server, reports), held_of(server, reports))


def apply_in_bulk(server: CometServer, reports: list[AnyJob], digests: Digests) -> ApplyResult:
    """Write reports, one for each Job, without a fact for each and without touching Protected Items.

    Each chunk is worked out before it takes the lock, and again inside if another writer came between.
    """
    result = ApplyResult()
    if not reports:
        return result
    reports.sort(key=attrgetter("username", "start_time"))  # a Device's days come together
    chunks = list(chunked(reports, CHUNK))
    known = _Known.read(server, reports)

    def worked_out(chunk: list[AnyJob], known: _Known) -> Batch:
        return work_out(server, chunk, known.owners, known.stored, digests, bulk=True)

    pacer = Pacer()
    with Writer() as writer, _ahead() as start:
        upcoming = start(partial(worked_out, chunks[0], known))
        while chunks:
            chunk, batch = chunks.pop(0), upcoming()
            writer.fill(batch)
            with pacer, lazy_commit():
                found = lock_server(server)
                is_stale = found != known.revision
                if is_stale:
                    batch = worked_out(chunk, _Known.read(server, chunk))
                    writer.fill(batch)
                writer.move()
                known.revision = found + note_written(server, batch)
                if chunks and not is_stale:
                    upcoming = start(partial(worked_out, chunks[0], known))  # while the commit takes its time
            result += ApplyResult.of(batch)
            if chunks and is_stale:
                known = _Known.read(server, chain.from_iterable(chunks))
                upcoming = start(partial(worked_out, chunks[0], known))
    pacer.rest()
    return result


@contextmanager
def _ahead() -> Iterator[Callable[[Callable[[], Batch]], Callable[[], Batch]]]:
    """Starts work that is to be done while the database does its own; what it gives back waits for it.

    SQLite works in this process and would wait for the interpreter at every row: there the work is
    done when it is asked for, which is while the writer stays away.
    """
    if connection.vendor == "sqlite":
        yield lambda work: work
        return
    with ThreadPoolExecutor(1, thread_name_prefix="jobs-ahead") as pool:
        yield lambda work: pool.submit(work).result
