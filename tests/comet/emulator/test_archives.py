"""ZIP archives."""

import io
import zipfile

import pytest

from comet.emulator import archives


@pytest.mark.parametrize("compressed", [True, False])
def test_the_same_content_is_the_same_bytes_at_any_time(compressed, monkeypatch):
    files = {"a.txt": "one\n" * 100, "b.bin": b"\0\1"}
    first = archives.zip_of(files, compressed=compressed)
    monkeypatch.setattr("time.time", lambda: 4_000_000_000.0)

    assert archives.zip_of(files, compressed=compressed) == first
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "a.txt": b"one\n" * 100,
            "b.bin": b"\0\1",
        }
        assert archive.getinfo("a.txt").compress_size < 400 or not compressed
