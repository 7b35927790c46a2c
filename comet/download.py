"""Answers written to a file while they arrive."""

from collections.abc import Callable
from typing import Protocol

from comet.answers import Answer, read_bytes

Progress = Callable[[int, int | None], None]
"""Called with the bytes written so far, and how many there will be when the server says so."""

_ERROR_BYTES = 64 * 1024  # an error is never longer


class Writable(Protocol):
    """A file open for writing bytes, or anything like it."""

    def write(self, data: bytes, /) -> object: ...


class FileFailed(Exception):
    """Writing failed, not the call; the reason is the `__cause__`."""


class Download:
    """Writes what arrives to a file, except for an error that a server sends in its place."""

    def __init__(self, file: Writable, progress: Progress | None) -> None:
        self.written = 0
        self._file = file
        self._progress = progress
        self._total: int | None = None
        self._held: bytearray | None = bytearray()  # what may be an error yet

    @property
    def has_begun(self) -> bool:
        """Whether the file was written to, so that the call must not be repeated."""
        return self._held is None

    def expect(self, total: int | None) -> None:
        """A new answer begins, so many bytes long if that is known."""
        self._total = total
        self._held = bytearray()

    def take(self, chunk: bytes) -> None:
        if self._held is None:
            self._write(chunk)
            return
        self._held += chunk
        if len(self._held) > _ERROR_BYTES or not self._held.lstrip().startswith(b"{"):
            self._release()

    def finish(self, answer: Answer, check: Callable[[Answer], object] = read_bytes) -> int:
        """Writes what was held back, unless `check` says that it is an error; gives the bytes written.

        Raises:
            CometError: the answer is an error, or a web page.
        """
        if self._held is None:
            return self.written
        answer.body = answer.body or self._held  # pages and HTTP errors were never handed to us
        check(answer)
        self._release()
        return self.written

    def _release(self) -> None:
        held, self._held = self._held, None
        if held:
            self._write(bytes(held))

    def _write(self, chunk: bytes) -> None:
        try:
            self._file.write(chunk)
            self.written += len(chunk)
            if self._progress is not None:
                self._progress(self.written, self._total)
        except Exception as problem:
            raise FileFailed from problem
