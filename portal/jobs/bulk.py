"""Applies Jobs by the thousand: read together, worked out ahead, written in short transactions."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from portal.core.ahead import ahead
from portal.core.pacing import Pacer, lazy_commit
from portal.jobs.changes import ApplyResult, Digests, Held, held_of, revision_of, work_out
from portal.jobs.merge import AnyJob
from portal.jobs.owners import Owners, owners_of
from portal.jobs.writer import Ready, Writer, note_written
from portal.servers.models import CometServer
from portal.servers.placements import lock_server

CHUNK: Final = 500
"""Jobs of one transaction."""

CHUNK_ALONE: Final = 5000
"""The same where nobody else is about to write."""


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

    Each chunk is worked out while the one before is written, and again if another writer came between.
    """
    return _Import(server, digests).run(sorted(reports, key=_by_day))


def _by_day(report: AnyJob) -> tuple[int, str]:
    """Jobs that are counted together come together, and lie together in most indexes."""
    return report.end_time // 86_400, report.username


class _Import:
    """Writes reports of one server."""

    def __init__(self, server: CometServer, digests: Digests) -> None:
        self._server = server
        self._digests = digests
        self._pacer = Pacer()
        self._writer = Writer()
        self._result = ApplyResult()

    def run(self, reports: list[AnyJob]) -> ApplyResult:
        with self._writer:
            while reports:
                reports = self._write(reports, _Known.read(self._server, reports))
        self._pacer.rest()
        return self._result

    def _write(self, reports: list[AnyJob], known: _Known) -> list[AnyJob]:
        """Write them until another writer comes between, that chunk included; gives what is left."""
        done = 0
        for chunk, ready in ahead(self._chunks(reports, known)):
            self._writer.fill(ready)
            with self._pacer, lazy_commit():
                found = lock_server(self._server)
                is_stale = found != known.revision
                if is_stale:
                    ready = self._ready(chunk, _Known.read(self._server, chunk))
                    self._writer.fill(ready)
                self._writer.move(ready)
                known.revision = found + note_written(self._server, ready.batch)
            self._result += ApplyResult.of(ready.batch)
            done += len(chunk)
            if is_stale:
                break
        return reports[done:]

    def _chunks(self, reports: list[AnyJob], known: _Known) -> Iterator[tuple[list[AnyJob], Ready]]:
        first = 0
        while first < len(reports):
            is_many = first > 0 and self._pacer.is_alone  # the first is waited for
            chunk = reports[first : first + (CHUNK_ALONE if is_many else CHUNK)]
            first += len(chunk)
            yield chunk, self._ready(chunk, known)

    def _ready(self, chunk: list[AnyJob], known: _Known) -> Ready:
        batch = work_out(self._server, chunk, known.owners, known.stored, self._digests, bulk=True)
        return self._writer.pack(batch)
