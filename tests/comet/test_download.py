"""Answers written to a file while they arrive."""

import gzip
import io
import json

import pytest

import comet


def test_an_installer_is_written_piece_by_piece_with_progress(server):
    body = bytes(range(256)) * 4096
    server.answers("admin/branding/generate-client/windows-x86_64-exe", body)
    file, seen = io.BytesIO(), []

    length = server.client().download(
        "AdminBrandingGenerateClientWindowsX8664Exe", file, progress=lambda *at: seen.append(at)
    )

    assert file.getvalue() == body
    assert length == len(body)
    assert seen[-1] == (len(body), len(body))
    assert len(seen) > 1
    assert seen == sorted(seen)


def test_of_a_compressed_answer_the_length_is_not_known_before(server):
    body = b"log line\n" * 1000
    server.answers("admin/meta/read-all-logs", gzip.compress(body), headers={"Content-Encoding": "gzip"})
    file, seen = io.BytesIO(), []

    server.client().download("AdminMetaReadAllLogs", file, progress=lambda *at: seen.append(at))

    assert file.getvalue() == body
    assert seen[-1] == (len(body), None)


def test_json_is_written_too(server):
    body = json.dumps({"bob": {"Username": "bob"}, "Status": 5000}).encode()
    server.answers("admin/list-users-full", body)
    file = io.BytesIO()
    assert server.client().download("AdminListUsersFull", file) == len(body)
    assert file.getvalue() == body

    server.answers("admin/meta/read-all-logs", b"")
    assert server.client().download("AdminMetaReadAllLogs", file) == 0


@pytest.mark.parametrize(
    ("body", "status", "headers", "expected"),
    [
        ({"Status": 403, "Message": "no"}, 200, {}, comet.Forbidden),
        ({"Status": 500, "Message": "broken"}, 500, {}, comet.ServerError),
        (b"oops", 502, {}, comet.ServerError),
        (b"<html>", 200, {"Content-Type": "text/html; charset=utf-8"}, comet.NotComet),
        (b"", 302, {"Location": "http://elsewhere.example/"}, comet.NotComet),
    ],
)
def test_an_error_in_its_place_is_raised_and_not_written(server, body, status, headers, expected):
    server.answers("admin/meta/read-all-logs", body, status=status, headers=headers)
    file = io.BytesIO()
    with pytest.raises(expected):
        server.client().download("AdminMetaReadAllLogs", file)
    assert file.getvalue() == b""


def test_the_limit_holds_for_files_too(server):
    server.answers("admin/meta/read-all-logs", b"x" * 5000)
    with pytest.raises(comet.BodyTooLarge):
        server.client(max_body_bytes=4000).download("AdminMetaReadAllLogs", io.BytesIO())


def test_a_file_that_cannot_be_written_is_not_blamed_on_the_server(server):
    class Full:
        def write(self, data):
            raise OSError(28, "No space left on device")

    server.answers("admin/meta/read-all-logs", b"PK")
    with pytest.raises(OSError, match="No space"):
        server.client().download("AdminMetaReadAllLogs", Full())


def test_the_hook_is_told_how_much_was_written(server):
    server.answers("admin/meta/read-all-logs", b"PK" * 50)
    calls = []
    client = server.client(on_call=lambda *call: calls.append((call[0], *call[2:])))
    client.download("AdminMetaReadAllLogs", io.BytesIO())
    assert calls == [("AdminMetaReadAllLogs", "ok", 100)]
