"""Webhooks: posted with headers of their own, repeated until taken, filtered, dropped when replaced."""

import http.server
import json
import queue
import threading
import time
from dataclasses import dataclass, field

import pytest

from tests.comet.conformance.world import World, document
from tests.comet.emulator.conftest import START_AT
from tests.emulator_process import start_emulator
from tests.waiting import wait_for

WITHIN_SECONDS = 10


@dataclass
class Receiver:
    """Collects posts; answers with the statuses it is given, then with 200."""

    url: str = ""
    posts: "queue.Queue[tuple[dict, dict]]" = field(default_factory=queue.Queue)
    statuses: list[int] = field(default_factory=list)

    def next(self, *types: int) -> tuple[dict, dict]:
        """Event and headers of the next post of one of these types."""
        while True:
            event, headers = self.posts.get(timeout=WITHIN_SECONDS)
            if event["Type"] in types:
                return event, headers


@pytest.fixture
def receiver():
    own = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = own.statuses.pop(0) if own.statuses else 200
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()
            own.posts.put((json.loads(body), dict(self.headers.items())))

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    own.url = f"http://127.0.0.1:{server.server_port}/hook"
    yield own
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def world():
    with start_emulator(start_at=START_AT) as emulator:
        emulator.order("webhooks/retry", seconds=[0, 0, 0])
        yield World(emulator)


def hook(world: World, receiver: Receiver, **fields: object) -> None:
    option = json.loads(document("WebhookOption", URL=receiver.url, Level="full", **fields))
    world.call("admin/meta/webhook-options/set", WebhookOptions=json.dumps({"own": option}))


def test_a_new_webhook_is_greeted_and_told_of_changes(world, receiver):
    custom = {"X-Own": "mine", "Content-Type": "text/plain", "x-comet-tracing-id": "forged"}
    hook(world, receiver, CustomHeaders=custom)

    event, headers = receiver.next(4000)
    assert event["Data"]["Version"] == "25.9.8"
    assert (headers["X-Own"], headers["Content-Type"]) == ("mine", "application/json")
    first = headers["x-Comet-Tracing-Id"]
    assert first != "forged"
    name = world.user()
    event, headers = receiver.next(4100)
    assert (event["ResourceID"], event["Data"]["Username"]) == (name, name)
    assert headers["x-Comet-Tracing-Id"] != first


def test_a_restart_loses_what_is_queued_and_greets_every_webhook(world, receiver):
    hook(world, receiver)
    before = receiver.next(4000)[0]["Data"]["ServerStartHash"]
    world.emulator.order("webhooks/retry", seconds=[3600])
    receiver.statuses = [500]
    world.user()
    wait_for(lambda: queued(world) == 1)
    world.emulator.order("webhooks/retry", seconds=[0, 0, 0])

    with world.emulator.restarting():
        world.emulator.order("restart")

    event, _ = receiver.next(4000)
    assert event["Data"]["ServerStartHash"] == world.call("admin/meta/version")["ServerStartHash"] != before
    wait_for(lambda: queued(world) == 0)


def queued(world: World) -> int:
    return world.emulator.order("state")["webhooks"]["queued"]


def test_a_post_that_is_not_taken_is_repeated_a_finite_number_of_times(world, receiver):
    receiver.statuses = [500, 302]
    hook(world, receiver, WhiteListedEventTypes=[4100])
    name = world.user()

    assert [receiver.next(4100)[0]["ResourceID"] for _ in range(3)] == [name] * 3

    receiver.statuses = [500] * 4
    given_up = world.emulator.order("state")["webhooks"]["given_up"]
    world.user()
    for _ in range(4):
        receiver.next(4100)
    other = world.user()
    assert receiver.next(4100)[0]["ResourceID"] == other
    assert world.emulator.order("state")["webhooks"]["given_up"] == given_up + 1


def test_posts_are_made_twice_and_late_on_demand_and_what_was_taken_is_told_once(world, receiver):
    hook(world, receiver, WhiteListedEventTypes=[4100])
    world.emulator.order("webhooks/taken")
    world.emulator.order("webhooks/disturb", twice=1, delay_seconds=0.2)
    name = world.user()
    posts = [receiver.next(4100) for _ in range(2)]
    world.emulator.order("webhooks/disturb")
    other = world.user()
    receiver.next(4100)

    tracing_ids = {headers["x-Comet-Tracing-Id"] for _, headers in posts}
    assert ([event["ResourceID"] for event, _ in posts], len(tracing_ids)) == ([name, name], 1)
    taken: list[dict] = []
    deadline = time.monotonic() + WITHIN_SECONDS
    while len(taken) < 3 and time.monotonic() < deadline:
        taken += world.emulator.order("webhooks/taken")["taken"]
    assert sorted(post["resource_id"] for post in taken) == sorted([name, name, other])
    assert tracing_ids == {post["tracing_id"] for post in taken if post["resource_id"] == name}
    assert receiver.posts.empty()


def test_types_are_filtered_and_data_left_out_at_level_none(world, receiver):
    option = {"URL": receiver.url, "Level": "none", "WhiteListedEventTypes": [4101], "CustomHeaders": {}}
    world.call("admin/meta/webhook-options/set", WebhookOptions=json.dumps({"own": option}))
    name = world.user()
    world.call("admin/delete-user", TargetUser=name)

    event, _ = receiver.posts.get(timeout=WITHIN_SECONDS)

    assert (event["Type"], event["ResourceID"], "Data" in event) == (4101, name, False)


def audit(world: World, **options: dict) -> None:
    """Configure the audit file streams."""
    config = world.call("admin/meta/server-config/get")
    config["AuditFileOptions"] = {
        name: json.loads(document("FileOption", **option)) for name, option in options.items()
    }
    with world.emulator.restarting():
        world.call("admin/meta/server-config/set", Config=json.dumps(config))


def written(world: World, prefix: str) -> list[list[dict]]:
    """The events in each day's file of that prefix, oldest first."""
    files = sorted((world.emulator.data / "audit").glob(f"{prefix}-*.log"))
    return [[json.loads(line) for line in file.read_text().splitlines()] for file in files]


def test_an_audit_file_takes_the_events_it_allows(world):
    options = {"Filename": "/var/log/../users", "AllowEventTypes": [4100]}
    audit(world, full=options, bare={**options, "Filename": "bare", "Level": "none"})
    name = world.user()

    [[event]] = written(world, "users")
    [[bare]] = written(world, "bare")

    assert event["ResourceID"] == bare["ResourceID"] == name
    assert event["Data"]["Username"] == name
    assert "Data" not in bare


def test_audit_files_of_past_days_go_if_that_is_wanted(world):
    kinds = {"AllowEventTypes": [4101]}
    audit(
        world,
        kept={"Filename": "kept", **kinds},
        pruned={"Filename": "pruned", "PruningEnabled": True, "PruningLimit": 2, **kinds},
        usual={"Filename": "usual", "PruningEnabled": True, **kinds},
    )
    keeps_days = world.call("admin/meta/server-config/get")["AuthenticationRole"]["PruneLogsAfterDays"]
    for days in (0, 1, 1, 1, keeps_days):
        world.emulator.order("advance", seconds=days * 86_400)
        world.call("admin/delete-user", TargetUser=world.user())

    assert [len(day) for day in written(world, "kept")] == [1] * 5
    assert len(written(world, "pruned")) == 1
    assert len(written(world, "usual")) == 2


def test_a_webhook_tells_as_the_mode_wants(world, receiver):
    hook(world, receiver)
    world.emulator.order("mode", null_for_empty=True, shuffle_keys=True)
    try:
        events = [receiver.next(4100)[0] for _ in range(5) if world.user()]
    finally:
        world.emulator.order("mode", null_for_empty=False, shuffle_keys=False)

    assert {event["Data"]["Sources"] for event in events} == {None}
    assert all(isinstance(event["Data"]["Policy"], dict) for event in events)
    assert len({tuple(event) for event in events}) > 1
    assert len({tuple(event["Data"]) for event in events}) > 1
