"""The control plane: faults on demand, and what they leave as it was."""

import json
import time

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.comet.emulator.conftest import EVENT_WITHIN_SECONDS
from tests.emulator_process import EmulatorProcess, start_emulator


@pytest.fixture(autouse=True)
def _no_faults_left(emulator: EmulatorProcess):
    yield
    emulator.order("clear")


def test_the_next_calls_of_a_method_fail_and_then_no_more(emulator):
    emulator.order("fail", method="AdminListUsers", http_status=502, times=2)

    assert emulator.post("admin/meta/version").status_code == 200
    statuses = [emulator.post("admin/list-users").status_code for _ in range(3)]

    assert statuses == [502, 502, 200]


def test_any_method_can_be_meant(emulator):
    emulator.order("fail", method="*", http_status=500, times=1)

    assert emulator.post("admin/meta/version").status_code == 500
    assert emulator.post("admin/meta/version").status_code == 200


def test_an_answer_can_be_a_web_page_or_broken(emulator):
    emulator.order("answer", method="AdminMetaVersion", kind="html", times=1)
    assert emulator.post("admin/meta/version").headers["Content-Type"].startswith("text/html")

    emulator.order("answer", method="AdminMetaVersion", kind="broken-json", times=1)
    with pytest.raises(requests.JSONDecodeError):
        emulator.post("admin/meta/version").json()

    assert emulator.call("admin/meta/version")["Version"] == "25.9.8"


def test_an_answer_can_be_endless(emulator):
    emulator.order("answer", method="AdminMetaVersion", kind="endless", times=1)
    form = {"Username": "admin", "AuthType": "Password", "Password": emulator.admin.password}
    url = f"{emulator.url}/api/v1/admin/meta/version"

    with requests.post(url, data=form, stream=True, timeout=10) as response:
        read = 0
        for chunk in response.iter_content(65_536):
            read += len(chunk)
            if read > 1_000_000:
                break

    assert read > 1_000_000
    assert emulator.call("admin/meta/version")["Version"] == "25.9.8"


def test_calls_can_be_held_back(emulator):
    emulator.order("latency", seconds=0.3, method="AdminListUsers")

    began = time.monotonic()
    emulator.call("admin/list-users")
    held = time.monotonic() - began

    assert held >= 0.3
    assert emulator.order("state")["latency"] == {"AdminListUsers": 0.3}


def test_streams_are_dropped_and_refused_for_a_while(emulator, open_stream):
    stream = open_stream()

    assert emulator.order("streams/drop", seconds=60) == {"dropped": 1}

    with pytest.raises(ConnectionClosed):
        while True:
            stream.connection.recv(timeout=EVENT_WITHIN_SECONDS)
    with pytest.raises(InvalidStatus):
        open_stream()
    emulator.order("clear")
    open_stream()


def test_a_flow_of_events_arrives_in_full(emulator, open_stream):
    stream = open_stream(allow_list="4200,4201")

    promised = emulator.order("events/rate", per_second=500, seconds=0.4)["events"]

    assert promised == 200
    assert {stream.read()["Type"] for _ in range(promised)} == {4200, 4201}


def test_jobs_of_a_flow_begin_end_and_are_kept(emulator, open_stream):
    stream = open_stream(allow_list="4200,4201")

    promised = emulator.order("jobs/flow", per_second=20, seconds=0.5, shortest=1, longest=1)["jobs"]

    told = [stream.read() for _ in range(2 * promised)]
    begun = {event["ResourceID"] for event in told if event["Type"] == 4200}
    ended = {event["ResourceID"] for event in told if event["Type"] == 4201}
    now = int(emulator.order("state")["now"])
    known = emulator.call("admin/get-jobs-for-date-range", Start=now - 60, End=now + 60)
    assert len(begun) == promised == 10
    assert begun == ended <= {job["GUID"] for job in known if job["EndTime"]}


def test_a_flow_goes_on_over_a_restart_and_tells_the_ends_of_what_it_begins(emulator, open_stream):
    emulator.order("jobs/flow", per_second=20, seconds=3, shortest=1, longest=1)
    emulator.order("restart")
    stream, begun, ended = open_stream(allow_list="4200,4201"), set(), set()
    while not begun & ended:
        event = stream.read()
        (begun if event["Type"] == 4200 else ended).add(event["ResourceID"])


def test_a_stalled_stream_is_silent_and_tells_afterwards(emulator, open_stream):
    stream = open_stream(allow_list="9999")
    emulator.order("streams/stall", seconds=60)
    emulator.order("events/emit", type=9999)

    with pytest.raises(TimeoutError):
        stream.connection.recv(timeout=0.5)

    emulator.order("streams/stall", seconds=0)
    stalled = open_stream(allow_list="9999")  # a new one is not held back any more
    emulator.order("events/emit", type=9999, Actor="second")
    assert stalled.read()["Actor"] == "second"


def test_garbage_reaches_every_stream(emulator, open_stream):
    stream = open_stream(allow_list="9999")

    assert emulator.order("streams/garbage", frames=3)["streams"] >= 1

    frames = [stream.connection.recv(timeout=EVENT_WITHIN_SECONDS) for _ in range(3)]
    assert frames == ["no JSON", "[]", "{}"]


@pytest.mark.parametrize(
    ("order", "body"),
    [
        ("latency", b"{}"),
        ("latency", b'{"seconds": "1"}'),
        ("latency", b'{"seconds": -1}'),
        ("advance", b"["),
        ("advance", b"[]"),
        ("answer", b'{"kind": "poem"}'),
        ("jobs/start", b'{"username": "nobody"}'),
        ("jobs/flow", b'{"per_second": 1}'),
        ("jobs/flow", b'{"per_second": 1, "seconds": 1, "shortest": 9, "longest": 8}'),
        ("streams/stall", b"{}"),
        ("webhooks/disturb", b'{"twice": -1}'),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(emulator, order, body):
    response = requests.post(f"{emulator.control}/{order}", data=body, timeout=10)

    assert response.status_code == 400
    assert response.json()["error"]


def test_a_flow_needs_a_job_to_tell_of():
    with start_emulator(users=0, organizations=0) as empty:
        response = requests.post(
            f"{empty.control}/events/rate", json={"per_second": 1, "seconds": 1}, timeout=10
        )

        assert response.status_code == 400
        assert empty.call("admin/list-users-full") == {}
        assert empty.call("admin/get-jobs-recent") == []


def test_what_is_not_known_of_real_servers_can_be_turned(emulator):
    before = emulator.order("assume")
    name = emulator.call("admin/list-users")[0]
    profile = json.dumps(emulator.call("admin/get-user-profile", TargetUser=name))
    stale = {"TargetUser": name, "ProfileData": profile, "RequireHash": "old"}
    key = {"AuthType": "SessionKey", "SessionKey": "gone"}
    rule = {"ClauseType": "", "RuleField": "Status", "RuleOperator": "int_gt", "RuleValue": "0"}

    usual = len(emulator.call("admin/get-jobs-recent"))

    def seen() -> tuple[object, ...]:
        found = emulator.call("admin/get-jobs-for-custom-search", Query=json.dumps(rule))
        return (
            emulator.call("admin/set-user-profile-hash", **stale)["Status"],
            emulator.call("admin/meta/version", **key)["Status"],
            len(emulator.call("admin/get-jobs-recent")) > usual - 10,  # some are unfinished
            isinstance(found, list),
        )

    assert seen() == (409, 403, True, True)
    emulator.order("assume", hash_conflict_status=400, refused_session_status=401, recent_seconds=1)
    emulator.order("assume", search_prefix_required=True)
    assert seen() == (400, 401, False, False)
    emulator.order("assume", **before)
    assert seen() == (409, 403, True, True)
    for wrong in ({"hash_conflict_status": "400"}, {"colour": 1}, {"recent_seconds": -1}):
        answer = requests.post(f"{emulator.control}/assume", json=wrong, timeout=10)
        assert answer.status_code == 400


def test_a_stopped_job_can_go_untold(emulator, open_stream):
    live = next(iter(emulator.call("admin/dispatcher/list-active").values()))
    order = {"username": live["Username"], "device_id": live["DeviceID"], "duration_seconds": 900}
    stream = open_stream(allow_list="4201")
    emulator.order("assume", tells_stopped_jobs=False)
    silent = emulator.order("jobs/start", **order)["guid"]
    emulator.call("admin/job/cancel", TargetUser=live["Username"], JobID=silent)
    emulator.order("assume", tells_stopped_jobs=True)
    told = emulator.order("jobs/start", **order)["guid"]
    emulator.call("admin/job/cancel", TargetUser=live["Username"], JobID=told)

    assert stream.wait_for(4201)["ResourceID"] == told
