"""The control plane: faults on demand, and what they leave as it was."""

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
