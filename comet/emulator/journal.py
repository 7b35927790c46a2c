"""What API writes changed, kept over restarts: an append-only file of the last value per key."""

from pathlib import Path
from typing import IO, Any

import msgspec

_FILE = "overlay.jsonl"


class Journal:
    """Keeps (kind, key) -> value. Without a folder it lives in memory only.

    A line is handed to the operating system before `put` returns, so that a killed process loses nothing
    it has answered for. Opening rewrites the file with the newest line of each key.
    """

    def __init__(self, folder: Path | None) -> None:
        self._values: dict[str, dict[str, Any]] = {}
        self._file: IO[bytes] | None = None
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._open(folder / _FILE)

    def get(self, kind: str, key: str) -> Any:
        return self._values.get(kind, {}).get(key)

    def all(self, kind: str) -> dict[str, Any]:
        """Every key and value of one kind."""
        return self._values.get(kind, {})

    def put(self, kind: str, key: str, value: Any) -> None:
        self._values.setdefault(kind, {})[key] = value
        self._write([kind, key, value])

    def count(self, kind: str) -> int:
        """The next whole number of a kind, from 1 on."""
        number: int = (self.get("count", kind) or 0) + 1
        self.put("count", kind, number)
        return number

    def forget(self, kind: str, key: str) -> None:
        """Drop a key, as if it had never been put."""
        self._values.get(kind, {}).pop(key, None)
        self._write([kind, key])

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self, path: Path) -> None:
        if path.exists():
            for line in path.read_bytes().splitlines():
                self._read(line)
        fresh = path.with_suffix(".new")
        fresh.touch(mode=0o600)  # password hashes are in it
        with fresh.open("wb") as file:
            for kind, entries in self._values.items():
                for key, value in entries.items():
                    file.write(_line([kind, key, value]))
        fresh.replace(path)
        self._file = path.open("ab")

    def _read(self, line: bytes) -> None:
        try:
            kind, key, *value = msgspec.json.decode(line)
        except msgspec.DecodeError:
            return  # the torn last line of a process that was killed while writing it
        if value:
            self._values.setdefault(kind, {})[key] = value[0]
        else:
            self._values.get(kind, {}).pop(key, None)

    def _write(self, entry: list[Any]) -> None:
        if self._file is not None:
            self._file.write(_line(entry))
            self._file.flush()


def _line(entry: list[Any]) -> bytes:
    return msgspec.json.encode(entry) + b"\n"
