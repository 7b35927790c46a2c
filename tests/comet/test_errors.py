"""Each way to fail gives its own error, by numbers and not by words."""

import pickle
import socket
import ssl
import threading
import time

import pytest

import comet
from comet.dial import tls_context
from comet.types import BackupJobDetail


@pytest.mark.parametrize(
    ("http_status", "body", "expected", "status"),
    [
        (200, {"Status": 403, "Message": "No autorizado"}, comet.Forbidden, 403),
        (200, {"Status": 400, "Message": "User not found"}, comet.APIError, 400),
        (200, {"Status": 409, "Message": "changed"}, comet.Conflict, 409),
        (200, {"Status": 429, "Message": "slow down"}, comet.RateLimited, 429),
        (200, {"Status": 500, "Message": "oops"}, comet.ServerError, 500),
        (403, {"Status": 403, "Message": "no"}, comet.Forbidden, 403),
        (400, {"Status": 400, "Message": "bad"}, comet.APIError, 400),
        (500, {"Status": 409, "Message": "changed"}, comet.Conflict, 409),
        (403, "<html>blocked</html>", comet.Forbidden, None),
        (409, "", comet.Conflict, None),
        (429, "", comet.RateLimited, None),
        (502, "<html>bad gateway</html>", comet.ServerError, None),
        (504, "", comet.ServerError, None),
        (404, "<html>not found</html>", comet.NotComet, None),
        (404, "", comet.NotComet, None),
        (405, "", comet.NotComet, None),
        (400, "plain HTTP on a TLS port", comet.NotComet, None),
        (200, "<!DOCTYPE html><html></html>", comet.NotComet, None),
        (200, {"error": "unknown path"}, comet.NotComet, None),
        (200, [], comet.NotComet, None),
        (200, '"text"', comet.NotComet, None),
        (200, {}, comet.NotComet, None),
        (200, {"Version": 7}, comet.NotComet, None),
        (200, "", comet.NotJSON, None),
        (200, "hello", comet.NotJSON, None),
        (200, '{"Version": "25', comet.NotJSON, None),
        (200, '{"Version": NaN}', comet.NotJSON, None),
        (200, b'{"Version": "\xe4"}', comet.NotJSON, None),
        (200, b"[" * 100_000, comet.NotComet, None),
    ],
)
def test_both_layers_are_told_apart(server, http_status, body, expected, status):
    server.answers("admin/meta/version", body, status=http_status)

    with pytest.raises(comet.CometError) as caught:
        server.client().admin_meta_version()

    error = caught.value
    assert type(error) is expected
    assert error.status == status
    assert error.http_status == http_status
    assert error.server == server.url
    assert error.method == "AdminMetaVersion"
    assert server.url in str(error)


def test_deep_nesting_is_one_clear_error(server):
    server.answers("admin/get-user-profile", b'{"Username":' + b"[" * 100_000)
    with pytest.raises(comet.NotComet):
        server.client().admin_get_user_profile(target_user="bob")


@pytest.mark.parametrize(
    ("headers", "kinds"),
    [
        ({"X-Comet-TOTP-Requested": "1"}, {"totp"}),
        ({"X-Comet-U2F-Challenge": "{}"}, {"u2f"}),
        ({"X-Comet-WebAuthn-Challenge": "{}", "X-Comet-TOTP-Requested": "1"}, {"webauthn", "totp"}),
        ({}, set()),
    ],
)
@pytest.mark.parametrize("body", ["", {"Status": 449, "Message": "Retry"}])
def test_a_second_factor_is_asked_for_with_the_kinds_on_offer(server, headers, kinds, body):
    server.answers("admin/meta/version", body, status=449, headers=headers)

    with pytest.raises(comet.SecondFactorRequired) as caught:
        server.client().admin_meta_version()

    assert caught.value.kinds == kinds
    assert caught.value.http_status == 449
    assert set(caught.value.challenges) == kinds - {"totp"}
    assert caught.value.pending_key == ""


def test_a_key_for_the_password_alone_comes_with_the_demand_for_more(server):
    pending = {"Status": 449, "Message": "more", "SessionKey": "waits", "SessionType": "admin"}
    server.answers("admin/account/session-start", pending, status=449)

    with pytest.raises(comet.SecondFactorRequired) as caught:
        server.client().admin_account_session_start()

    assert caught.value.pending_key == "waits"
    assert "waits" not in repr(caught.value) + str(caught.value)


def test_a_failed_job_is_a_job_and_not_an_error(server):
    server.answers("admin/get-job-properties", {"GUID": "j1", "Status": 7002})

    assert server.client().admin_get_job_properties(job_id="j1") == BackupJobDetail(guid="j1", status=7002)


def test_an_error_in_place_of_text_or_bytes_is_raised(server):
    server.answers("admin/get-job-log", {"Status": 403, "Message": "no"})
    server.answers("admin/branding/generate-client/linux-deb", {"Status": 400, "Message": "no"})
    client = server.client()

    with pytest.raises(comet.Forbidden):
        client.admin_get_job_log(job_id="j")
    with pytest.raises(comet.APIError):
        client.admin_branding_generate_client_linux_deb()
    server.answers("admin/get-job-log", "<html>", headers={"Content-Type": "text/html; charset=utf-8"})
    with pytest.raises(comet.NotComet):
        client.admin_get_job_log(job_id="j")


def test_an_error_in_place_of_a_map_is_raised(server):
    server.answers("admin/list-users-full", {"Status": 403, "Message": "no"})
    server.answers("admin/policies/list", {"Status": 403, "Message": "no"})

    with pytest.raises(comet.Forbidden):
        server.client().admin_list_users_full()
    with pytest.raises(comet.Forbidden):
        server.client().admin_policies_list()


def test_a_redirect_is_not_followed_and_its_target_is_told(server):
    for status in (301, 302, 307, 308):
        server.answers(
            "admin/meta/version", "", status=status, headers={"Location": "https://evil.example/x"}
        )
        with pytest.raises(comet.NotComet) as caught:
            server.client().admin_meta_version()
        assert caught.value.location == "https://evil.example/x"
    assert len(server.requests) == 4


def test_errors_survive_the_way_through_a_queue():
    error = comet.Forbidden("no", server="http://x", method="AdminListUsers", http_status=200, status=403)
    copied = pickle.loads(pickle.dumps(error))

    assert (type(copied), str(copied), copied.status) == (comet.Forbidden, str(error), 403)


def test_a_name_without_an_address():
    with pytest.raises(comet.NameNotFound):
        comet.CometClient("http://comet.invalid").admin_meta_version()
    with pytest.raises(comet.NameNotFound):
        comet.CometClient("http://a..b").admin_meta_version()


def test_a_port_where_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(comet.ConnectionRefused):
        comet.CometClient(f"http://127.0.0.1:{port}").admin_meta_version()


def test_plain_http_behind_an_https_address(server):
    with pytest.raises(comet.TLSError):
        comet.CometClient(server.url.replace("http:", "https:")).admin_meta_version()


def test_an_answer_that_breaks_off(raw_server):
    url = raw_server(lambda sock: sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"))
    with pytest.raises(comet.ConnectionFailed):
        comet.CometClient(url).admin_meta_version()


def test_no_answer_at_all(raw_server):
    url = raw_server(lambda sock: None)
    with pytest.raises(comet.ConnectionFailed):
        comet.CometClient(url).admin_meta_version()


def test_silence_ends_with_the_read_timeout(raw_server):
    done = threading.Event()
    url = raw_server(lambda sock: done.wait(10))
    began = time.monotonic()
    with pytest.raises(comet.Timeout):
        comet.CometClient(url, read_timeout=0.2).admin_meta_version()
    done.set()
    assert time.monotonic() - began < 5


def _trickle(sock, head, piece):
    """Sends a piece now and then, for ever: each read succeeds, the whole never ends."""
    sock.sendall(head)
    waiting = threading.Event()
    while not waiting.wait(0.05):
        sock.sendall(piece)


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\nX-Endless: ", b"x"),
    ],
    ids=["length", "chunks", "one chunk", "until close", "headers"],
)
def test_a_trickling_answer_ends_with_the_total_timeout(raw_server, head, piece):
    url = raw_server(lambda sock: _trickle(sock, head, piece))
    began = time.monotonic()
    with pytest.raises(comet.Timeout):
        comet.CometClient(url, timeout=0.4, read_timeout=30).admin_meta_version()
    assert time.monotonic() - began < 5


def test_an_endless_body_is_refused_at_the_limit(raw_server):
    def endless(sock):
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            sock.sendall(b" " * 65536)

    with pytest.raises(comet.BodyTooLarge):
        comet.CometClient(raw_server(endless), max_body_bytes=1_000_000).admin_meta_version()


def test_a_body_that_declares_itself_too_long_is_not_read(raw_server):
    url = raw_server(lambda sock: sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"))
    with pytest.raises(comet.BodyTooLarge):
        comet.CometClient(url, max_body_bytes=998).admin_meta_version()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "comet.example",
        "ftp://comet.example",
        "http://",
        "http://a:99999",
        "http://u:p@a",
        "https://a?x=1",
    ],
)
def test_addresses_that_cannot_be_servers(url):
    with pytest.raises(comet.BadAddress):
        comet.CometClient(url)


def test_the_guard_is_asked_about_the_resolved_address(server):
    server.answers("admin/meta/version", {"Version": "1"})
    seen = []
    port = int(server.url.rsplit(":", 1)[1])
    client = comet.CometClient(
        f"http://localhost:{port}", address_guard=lambda ip, port: seen.append((ip, port))
    )

    client.admin_meta_version()

    assert ("127.0.0.1", port) in seen
    assert server.requests[0].headers["Host"] == f"localhost:{port}"


def test_an_address_the_guard_forbids_is_not_connected_to(server):
    def forbid(ip, port):
        raise PermissionError(f"{ip} is private")

    with pytest.raises(comet.AddressRefused) as caught:
        server.client(address_guard=forbid).admin_meta_version()

    assert isinstance(caught.value, comet.ConnectionFailed)
    assert server.requests == []


def test_the_address_the_guard_saw_is_the_one_connected_to(server, monkeypatch):
    """A name that answers differently the second time does not get past the guard."""
    server.answers("admin/meta/version", {"Version": "1"})
    port = int(server.url.rsplit(":", 1)[1])
    answers = iter([[(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]])
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: next(answers))
    seen = []

    client = comet.CometClient(
        f"http://rebound.example:{port}", address_guard=lambda ip, port: seen.append(ip)
    )

    assert client.admin_meta_version().version == "1"
    assert seen == ["127.0.0.1"]


def test_nothing_of_the_environment_changes_the_way(server, monkeypatch, tmp_path):
    server.answers("admin/meta/version", {"Version": "1"})
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login other password hush")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    assert server.client().admin_meta_version().version == "1"
    assert "Authorization" not in server.requests[0].headers


def test_old_tls_is_not_spoken():
    context = tls_context(None)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.check_hostname
