"""Random calls about users, policies, groups, jobs and sessions; what must hold whatever their order.

The state rebuilt from the first list and the event stream is the state that is listed; a hash changes
exactly when its profile does; nothing points at what is gone.
"""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from tests.comet.conformance.world import World
from tests.comet.emulator.conftest import START_AT, Stream, connect_to
from tests.emulator_process import EmulatorProcess, start_emulator

BARRIER = 9999
BOOKS = {
    (4100, 4102, 4101): "users",
    (4600, 4602, 4601): "policies",
    (4800, 4802, 4801): "groups",
    (4500, 4502, 4501): "organizations",
}
Wire = dict[str, Any]


@pytest.fixture(scope="module")
def emulator():
    with start_emulator(users=3, jobs_per_day=10, days=2, organizations=1, start_at=START_AT) as process:
        yield process


def without_statistics(profile: Wire) -> Wire:
    """Statistics follow jobs, not changes of the profile, and no event tells of them."""
    plain = dict(profile)
    for block in ("Sources", "Destinations"):
        plain[block] = {
            guid: {name: value for name, value in entry.items() if name != "Statistics"}
            for guid, entry in profile[block].items()
        }
    return plain


class Machine(RuleBasedStateMachine):
    """`emulator` is set by the test."""

    emulator: EmulatorProcess
    walked = 0  # how often the invariants were checked
    users, policies, groups, sessions = (Bundle(name) for name in ("users", "policies", "groups", "sessions"))

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.emulator)
        self.stack = contextlib.ExitStack()
        connection = connect_to(self.stack, self.emulator)
        for frame in (self.emulator.admin.name, "Password", self.emulator.admin.password, "", ""):
            connection.send(frame)
        connection.recv(timeout=10)
        self.stream = Stream(connection)
        self.known = self.listed()
        self.hashes: dict[str, tuple[str, Wire]] = {}
        self.barriers = 0

    def teardown(self) -> None:
        self.stack.close()

    def listed(self) -> dict[str, Wire]:
        call = self.world.call
        profiles = call("admin/list-users-full")
        return {
            "users": {name: without_statistics(profile) for name, profile in profiles.items()},
            "policies": call("admin/policies/list-full"),
            "groups": call("admin/user-groups/list-full"),
            "organizations": call("admin/organization/list"),
        }

    @rule(target=users)
    def add_user(self) -> str:
        return self.world.user()

    @rule(user=consumes(users))
    def delete_user(self, user: str) -> None:
        self.world.call("admin/delete-user", TargetUser=user)

    @rule(user=users, name=st.text(max_size=20).filter(lambda text: "\x00" not in text))
    def rename(self, user: str, name: str) -> None:
        read = self.world.call("admin/get-user-profile-and-hash", TargetUser=user)
        changed = json.dumps({**read["Profile"], "AccountName": name})
        given = {"TargetUser": user, "ProfileData": changed, "RequireHash": read["ProfileHash"]}
        written = self.world.call("admin/set-user-profile-hash", **given)
        same = read["Profile"]["AccountName"] == name
        assert (written["ProfileHash"] == read["ProfileHash"]) is same
        if not same:
            assert self.emulator.call("admin/set-user-profile-hash", **given)["Status"] == 409

    @rule(user=users, policy=policies)
    def give_policy(self, user: str, policy: str) -> None:
        profile = {**self.world.profile(user), "PolicyID": policy}
        self.world.call("admin/set-user-profile", TargetUser=user, ProfileData=json.dumps(profile))

    @rule(target=policies)
    def add_policy(self) -> str:
        return self.world.policy()

    @rule(policy=policies, on=st.booleans())
    def set_policy(self, policy: str, on: bool) -> None:
        held = self.world.call("admin/policies/get", PolicyID=policy)["Policy"]
        held["Policy"]["PreventOpenWebUI"] = on
        self.world.call("admin/policies/set", PolicyID=policy, Policy=json.dumps(held))

    @rule(policy=consumes(policies))
    def delete_policy(self, policy: str) -> None:
        self.world.call("admin/policies/delete", PolicyID=policy)

    @rule(target=groups)
    def add_group(self) -> str:
        return self.world.group()

    @rule(group=groups, members=st.lists(users, unique=True, max_size=3))
    def set_members(self, group: str, members: list[str]) -> None:
        given = json.dumps(members)
        self.world.call("admin/user-groups/set-users-for-group", GroupID=group, Users=given)
        answer = self.world.call("admin/user-groups/get", GroupID=group, IncludeUsers="true")
        assert answer["Users"].keys() == set(members)

    @rule(group=consumes(groups))
    def delete_group(self, group: str) -> None:
        self.world.call("admin/user-groups/delete", GroupID=group)

    @rule(target=sessions, user=users)
    def start_session(self, user: str) -> Any:
        answer = self.world.call("admin/account/session-start-as-user", TargetUser=user)
        return (user, answer["SessionKey"])

    @rule(session=sessions)
    def use_session(self, session: tuple[str, str]) -> None:
        user, key = session
        given = {"Username": user, "AuthType": "SessionKey", "SessionKey": key}
        answer = self.emulator.call("user/web/get-user-profile-and-hash", **given)
        exists = user in self.world.call("admin/list-users")
        assert (answer["Status"] == 200) is exists

    @rule(target=sessions, session=consumes(sessions))
    def revoke_session(self, session: tuple[str, str]) -> Any:
        user, key = session
        given = {"Username": user, "AuthType": "SessionKey", "SessionKey": key}
        self.emulator.call("user/web/session/revoke", **given)
        assert self.emulator.call("user/web/get-user-profile-and-hash", **given)["Status"] == 403
        return multiple()

    @rule(user=users)
    def add_item(self, user: str) -> None:
        self.world.source(user)

    @rule(seconds=st.integers(1, 4000))
    def let_time_pass(self, seconds: int) -> None:
        self.emulator.order("advance", seconds=seconds % 600)

    @invariant()
    def events_tell_the_whole_state(self) -> None:
        self.barriers += 1
        type(self).walked += 1
        self.emulator.order("events/emit", type=BARRIER, ResourceID=str(self.barriers))
        while True:
            event = self.stream.read()
            if event["Type"] == BARRIER:
                break
            self._follow(event)
        assert self.known == self.listed()

    @invariant()
    def hashes_are_honest(self) -> None:
        for name, profile in self.known["users"].items():
            digest = self.world.hash(name)
            held = self.hashes.get(name)
            if held is not None and held[1]["CreationGUID"] == profile["CreationGUID"]:
                assert (held[0] == digest) is (held[1] == profile)
            self.hashes[name] = (digest, profile)

    @invariant()
    def nothing_points_at_what_is_gone(self) -> None:
        for profile in self.known["users"].values():
            assert profile["PolicyID"] in {"", *self.known["policies"]}
            assert profile["GroupID"] in {"", *self.known["groups"]}
            assert profile.get("OrganizationID", "") in {"", *self.known["organizations"]}
            assert {r["Source"] for r in profile["BackupRules"].values()} <= profile["Sources"].keys()
        jobs = self.world.call("admin/get-jobs-recent")
        assert {job["Username"] for job in jobs} <= self.known["users"].keys()

    def _follow(self, event: Wire) -> None:
        for (new, changed, removed), book in BOOKS.items():
            if event["Type"] in (new, changed):
                data = event["Data"]
                self.known[book][event["ResourceID"]] = without_statistics(data) if book == "users" else data
            elif event["Type"] == removed:
                del self.known[book][event["ResourceID"]]


def test_whatever_the_order_the_state_is_sound(emulator: EmulatorProcess):
    class Own(Machine):
        pass

    Own.emulator = emulator
    chosen = settings(
        max_examples=5,
        stateful_step_count=12,
        deadline=None,
        derandomize=settings().derandomize,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Own, settings=chosen)
    assert Own.walked > 20


def test_a_document_with_unknown_fields_keeps_them(emulator: EmulatorProcess):
    world = World(emulator)
    name = world.user()
    profile = {**world.profile(name), "FieldOfALaterVersion": {"kept": [1]}}
    world.call("admin/set-user-profile", TargetUser=name, ProfileData=json.dumps(profile))

    assert world.profile(name)["FieldOfALaterVersion"] == {"kept": [1]}
