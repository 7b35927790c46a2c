"""Applies Jobs by the thousand: read together, worked out ahead, written in short transactions."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from portal.core.ahead import worked_ahead
from portal.core.collecting import no_collecting
from portal.core.pacing import Pacer, lazy_commit
from portal.jobs.changes import ApplyResult, Digests, Held, held_of, revision_of, work_out
from portal.jobs.merge import AnyJob
from portal.jobs.owners import Owners, learn, owners_of
from portal.jobs.slices import Slice
from portal.jobs.writer import Ready, Writer, note_written
from portal.servers.models import CometServer
from portal.servers.placements import lock_server

CHUNK: Final = 500
"""Jobs of one transaction."""

CHUNK_ALONE: Final = 10_000
"""The same where nobody else is about to write."""

_UNSURE: Final = -1
"""The revision of what may have been read too early."""


@dataclass(slots=True)
class _Known:
    """What is stored of the Jobs that are reported, at one revision of the server's Jobs."""

    revision: int
    owners: Owners
    stored: Held

    @classmethod
    def read(cls, server: CometServer, part: Slice, before: "_Known | None" = None) -> "_Known":
        """`before` is what was known last; while it holds, only owners that it lacks are looked for."""
        revision = revision_of(server)  # before all that it stands for
        if before is not None and before.revision == revision:
            owners = before.owners
            learn(owners, server, [report for report in part.speakers if not owners.has_all(report)])
        else:
            owners = owners_of(server, part.speakers)
        return cls(revision, owners, held_of(server, part.guids))


class _Chunk(NamedTuple):
    reports: list[AnyJob]
    digests: Digests
    known: _Known


def apply_in_bulk(server: CometServer, slices: Iterable[Slice]) -> ApplyResult:
    """Write reports, without a fact for each Job and without touching Protected Items.

    Each chunk is worked out while the one before is written, and again if another writer came between.
    """
    return _Import(server).run(slices)


class _Import:
    """Writes reports of one server."""

    def __init__(self, server: CometServer) -> None:
        self._server = server
        self._pacer = Pacer()
        self._writer = Writer()
        self._known: _Known | None = None

    def run(self, slices: Iterable[Slice]) -> ApplyResult:
        result = ApplyResult()
        with no_collecting(), self._writer:
            for chunk, ready in worked_ahead(self._chunks(slices), self._ready):
                result += self._write(chunk, ready)
        self._pacer.rest()
        return result

    def _chunks(self, slices: Iterable[Slice]) -> Iterator[_Chunk]:
        """One chunk after the other; what is known is read for each slice, and again after another writer.

        While a slice is asked for, the last chunk of the one before may still have to be written.
        """
        is_first, before = True, set[str]()
        for part in slices:
            left, known = part.reports, None
            comes_again = not before.isdisjoint(part.guids)
            while left:
                if known is None or known is not self._known:
                    missing = part if known is None else Slice.of(left, part.digests)
                    known = self._known = _Known.read(self._server, missing, self._known)
                    if comes_again:
                        known.revision, comes_again = _UNSURE, False
                is_many = not is_first and self._pacer.is_alone  # the first is waited for
                size = CHUNK_ALONE if is_many else CHUNK
                yield _Chunk(left[:size], part.digests, known)
                left, is_first = left[size:], False
            before = part.guids or before

    def _ready(self, chunk: _Chunk) -> tuple[_Chunk, Ready]:
        known = chunk.known
        batch = work_out(self._server, chunk.reports, known.owners, known.stored, chunk.digests, bulk=True)
        return chunk, self._writer.pack(batch)

    def _write(self, chunk: _Chunk, ready: Ready) -> ApplyResult:
        self._writer.fill(ready)
        with self._pacer, lazy_commit():
            found = lock_server(self._server)
            if found != chunk.known.revision:
                if self._known is chunk.known:
                    self._known = None
                again = Slice.of(chunk.reports, chunk.digests)
                chunk = chunk._replace(known=_Known.read(self._server, again))
                _, ready = self._ready(chunk)
                self._writer.fill(ready)
            self._writer.move(ready)
            now = found + note_written(self._server, ready.batch)
        for known in (chunk.known, self._known):
            if known is not None and known.revision == found:
                known.revision = now
        return ApplyResult.of(ready.batch)
