"""Bad input, too much of it, and clients that are slow, silent or many: the right error, and no harm."""

import contextlib
import json
import resource
import socket
from pathlib import Path

import pytest
import requests
from websockets.exceptions import ConnectionClosed

from tests.comet.conformance.world import World
from tests.comet.emulator.conftest import START_AT, Stream, connect_to
from tests.emulator_process import start_emulator


@pytest.fixture(scope="module")
def emulator():
    with start_emulator(start_at=START_AT) as process:
        yield process


@pytest.fixture(autouse=True)
def _still_serves(emulator):
    yield
    emulator.order("clear")
    emulator.order("mode", null_for_empty=False, shuffle_keys=False)
    assert emulator.call("admin/meta/version")["Version"] == "25.9.8"


def post(emulator, body: bytes, content_type: str = "application/x-www-form-urlencoded") -> requests.Response:
    url = f"{emulator.url}/api/v1/admin/meta/version"
    return requests.post(url, data=body, headers={"Content-Type": content_type}, timeout=30)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"\xff\xfe\x00", "application/x-www-form-urlencoded"),
        (b"Username=%ff%fe", "application/x-www-form-urlencoded"),
        (b"%", "application/x-www-form-urlencoded"),
        (b"&&&===&", "application/x-www-form-urlencoded"),
        (b'{"Username": "admin"}', "application/json"),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
        (b"anything", "multipart/form-data"),
    ],
)
def test_a_malformed_form_is_refused(emulator, body, content_type):
    answer = post(emulator, body, content_type)

    assert (answer.status_code, answer.json()["Status"]) == (200, 400)


def test_a_huge_body_is_cut_off(emulator):
    def endless():
        for _ in range(80):
            yield b"x" * (1 << 20)

    with contextlib.suppress(requests.ConnectionError):
        assert post(emulator, endless()).status_code == 413


def test_a_document_that_is_nested_too_deeply_is_refused(emulator):
    world = World(emulator)
    query = '{"ClauseType":"and","ClauseChildren":[' * 5000 + "{}" + "]}" * 5000

    answer = emulator.call("admin/get-jobs-for-custom-search", Query=query)

    assert answer["Status"] == 400
    assert world.call("admin/list-users")


@pytest.fixture(scope="module")
def impatient():
    """A server that waits for one second where others wait for thirty or sixty."""
    flags = {"header_seconds": 1, "body_seconds": 1}
    with start_emulator(start_at=START_AT, **flags) as process:
        process.call("admin/list-users-full")
        yield process


HEAD = b"POST /api/v1/admin/meta/version HTTP/1.1\r\nHost: x\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nUsername=a"
UPLOAD = (
    b"POST /api/v1/admin/meta/resource/new HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n"
    b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
)
WHOLE = HEAD + b"Content-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("slowly", "status"),
    [
        ([b""], b""),
        ([HEAD + b"X-Slow:"], b""),
        ([WHOLE, HEAD], b"200"),
        ([HEAD + FORM], b"408"),
        ([UPLOAD], b"408"),
    ],
    ids=["silence", "headers", "headers of the second request", "form", "upload"],
)
def test_a_client_that_is_too_slow_is_cut_off_and_costs_nobody_else(impatient, slowly, status):
    with socket.create_connection(("127.0.0.1", impatient.port), timeout=10) as slow:
        for piece in slowly:
            slow.sendall(piece)
        assert impatient.call("admin/meta/version")["Version"]
        answer = b""
        while piece := slow.recv(65536):  # an end, not a timeout
            answer += piece

    assert answer.partition(b" ")[2][:3] == status
    assert answer.count(b"HTTP/1.1") <= 1


def test_a_sign_in_to_the_stream_that_is_too_slow_is_cut_off(impatient):
    with contextlib.ExitStack() as stack:
        connection = connect_to(stack, impatient)
        connection.send("admin")
        with pytest.raises(ConnectionClosed):
            connection.recv(timeout=10)


def test_a_thousand_idle_sockets_keep_nobody_out_and_leave_nothing_behind(impatient):
    files, memory = open_files(impatient.pid), resident(impatient.pid)
    with contextlib.ExitStack() as stack:
        opened = [
            stack.enter_context(socket.create_connection(("127.0.0.1", impatient.port), timeout=20))
            for _ in range(1000)
        ]
        for number, idle in enumerate(opened):
            if number % 2:
                idle.sendall(HEAD + b"X-Slow:" + b"x" * 4000)
        assert impatient.call("admin/meta/version")["Version"]
        for idle in opened:
            with contextlib.suppress(ConnectionResetError):
                assert idle.recv(1) == b""
    impatient.call("admin/meta/version")

    assert open_files(impatient.pid) < files + 20
    assert resident(impatient.pid) < memory + (24 << 20)


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    fields = Path(f"/proc/{pid}/statm").read_text("ascii").split()
    return int(fields[1]) * resource.getpagesize()


def test_a_stream_that_says_nothing_or_nonsense_is_let_go(emulator):
    with contextlib.ExitStack() as stack:
        silent = [connect_to(stack, emulator) for _ in range(20)]
        talking = connect_to(stack, emulator)
        for _ in range(5):
            talking.send("\U0001f600" * 1000)
        assert talking.recv(timeout=10) == "403 Unauth"
        for connection in silent:
            connection.close()
    assert emulator.order("state")["streams"] == 0


def test_an_answer_can_break_off_in_the_middle(emulator):
    emulator.order("answer", method="AdminListUsersFull", kind="half", times=1)

    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        emulator.post("admin/list-users-full")


def test_a_call_can_stall(emulator):
    emulator.order("answer", method="AdminListUsers", kind="stall", times=1, seconds=30)

    form = {"Username": "admin", "AuthType": "Password", "Password": emulator.admin.password}
    with pytest.raises(requests.ReadTimeout):
        requests.post(f"{emulator.url}/api/v1/admin/list-users", data=form, timeout=0.5)


def test_empty_lists_and_maps_can_be_null(emulator):
    name = World(emulator).user()
    plain = emulator.call("admin/get-user-profile", TargetUser=name)
    emulator.order("mode", null_for_empty=True)

    nulled = emulator.call("admin/get-user-profile", TargetUser=name)

    assert (plain["Sources"], nulled["Sources"], nulled["Emails"]) == ({}, None, None)
    assert isinstance(nulled["Policy"], dict)
    assert emulator.call("admin/news/get-all") is None


def test_keys_can_come_in_any_order(emulator):
    plain = emulator.post("admin/meta/version").text
    emulator.order("mode", shuffle_keys=True)

    orders = {tuple(json.loads(emulator.post("admin/meta/version").text)) for _ in range(5)}

    assert len(orders) > 1
    assert {frozenset(order) for order in orders} == {frozenset(json.loads(plain))}


def test_events_follow_the_modes_too(emulator, open_stream):
    emulator.order("mode", null_for_empty=True, shuffle_keys=True)
    stream = open_stream(allow_list="4100")
    world = World(emulator)
    told = [stream.read() for _ in range(5) if world.user()]

    assert {event["Data"]["Destinations"] for event in told} == {None}
    assert len({tuple(event["Data"]) for event in told}) > 1
    assert {frozenset(event) for event in told} == {frozenset(told[0])}


def test_the_time_it_tells_can_be_wrong(emulator):
    emulator.order("clock/drift", seconds=-500)
    told = emulator.call("admin/meta/version")["CurrentTime"]

    assert emulator.order("state")["now"] - told > 490
    emulator.order("clock/drift", seconds=0)


def test_delays_can_follow_a_distribution(emulator):
    emulator.order("latency", method="AdminListUsers", median=0.02, p99=0.2)

    times = [emulator.post("admin/list-users").elapsed.total_seconds() for _ in range(30)]

    assert min(times) < max(times) / 2


def test_the_server_can_be_stopped_and_started(emulator):
    emulator.order("down")
    with pytest.raises(requests.ConnectionError):
        emulator.post("admin/meta/version")
    emulator.order("start")
    before = emulator.order("state")["start_hash"]

    assert emulator.order("restart")["start_hash"] != before


def test_an_older_version_lacks_newer_methods_and_fields():
    with start_emulator(version="24.9.0", users=2) as old:
        assert old.call("admin/meta/version")["Version"] == "24.9.0"
        assert old.post("admin/squota/list-all").status_code == 404
        assert old.post("admin/user-groups/list").status_code == 404
        profile = next(iter(old.call("admin/list-users-full").values()))
        assert "GroupID" not in profile
        assert "PolicyID" in profile
        with contextlib.ExitStack() as stack:
            stream = signed_in(stack, old)
            name = World(old).user()
            event = next(event for event in iter(stream.read, None) if event["Type"] == 4100)
    assert event["Data"]["Username"] == name
    assert "GroupID" not in event["Data"]


def test_a_very_old_version_tells_events_without_what_came_later():
    with start_emulator(version="23.3.0", users=2) as old, contextlib.ExitStack() as stack:
        stream = signed_in(stack, old, hello={"Type", "OwnerOrganizationID", "Data"})
        World(old).user()

        assert set(stream.read()) == {"Type", "OwnerOrganizationID"}


def signed_in(stack: contextlib.ExitStack, emulator, hello: set[str] | None = None) -> Stream:
    """A stream of the admin, past its hello."""
    connection = connect_to(stack, emulator)
    for frame in (emulator.admin.name, "Password", emulator.admin.password, "", ""):
        connection.send(frame)
    assert connection.recv(timeout=10) == "200 OK"
    stream = Stream(connection)
    first = stream.read()
    assert hello in (None, set(first))
    return stream
