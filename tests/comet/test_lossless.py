"""What was read can be written back without loss."""

import copy
import json
import pickle
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import comet.types
from comet import lossless
from comet.structure import Structure
from comet.types import DestinationConfig, RetentionRange, SourceConfig, UserProfileConfig
from tests.comet.wire_documents import TYPES, documents

PROFILE = b"""{
  "Newer": {"deep": [null, {}, 1.0, 1e2]}, "Username": "bob", "Emails": null, "CreateTime": 1690000000,
  "Sources": {"a": {"Later": [1], "EngineProps": {"K": "v"}}, "b": {}},
  "Destinations": {"d": {"DefaultRetention": {"Ranges": [{"Type": 900, "N": 1}, {"Type": 901, "N": 2}]}}},
  "Policy": {"Strange": 12345678901234567890123}, "PasswordFormat": 99
}"""


def exact(text: bytes) -> Any:
    """JSON with the order of its fields and the spelling of its numbers."""
    return json.loads(text, object_pairs_hook=list, parse_int=str, parse_float=str)


def assign_to_itself(value: Any) -> None:
    """Every field at every depth is set to an equal value."""
    if isinstance(value, Structure):
        for name in value.__struct_fields__:
            assign_to_itself(getattr(value, name))
            setattr(value, name, copy.deepcopy(getattr(value, name)))
    elif isinstance(value, dict | list):
        for child in list(value.values() if isinstance(value, dict) else value):
            assign_to_itself(child)


@pytest.mark.parametrize("name", sorted(TYPES))
def test_what_is_read_is_written_as_it_was(name):
    kind = getattr(comet.types, name)

    @given(document=documents(name))
    def check(document):
        text = json.dumps(document).encode()
        value = lossless.decode(text, kind)
        assert lossless.encode(value) == text
        assert lossless.encode(pickle.loads(pickle.dumps(value))) == text
        assign_to_itself(value)
        assert exact(lossless.encode(value)) == exact(text)

    check()


@given(document=documents("UserProfileConfig"), text=st.text(min_size=1, max_size=5))
def test_a_change_changes_nothing_else(document, text):
    value = lossless.decode(json.dumps(document).encode(), UserProfileConfig)
    value.account_name = text
    assert json.loads(lossless.encode(value)) == document | {"AccountName": text}


@given(users=st.dictionaries(st.text(max_size=4), documents("UserProfileConfig"), min_size=1, max_size=3))
def test_maps_of_structures_are_written_as_they_were(users):
    text = json.dumps(users).encode()
    value = lossless.decode(text, dict[str, UserProfileConfig])
    assert exact(lossless.encode(value)) == exact(text)
    for name, profile in value.items():
        assert json.loads(lossless.encode(profile)) == users[name]


@pytest.fixture
def profile() -> UserProfileConfig:
    return lossless.decode(PROFILE, UserProfileConfig)


def test_unchanged_is_the_same_byte_for_byte(profile):
    assert lossless.encode(profile) == PROFILE


def test_changes_at_depth_keep_what_stands_beside_them(profile):
    profile.destinations["d"].default_retention.ranges[1].days = 7
    profile.sources["a"].engine_props["K"] = "w"

    changed = json.loads(PROFILE)
    changed["Destinations"]["d"]["DefaultRetention"]["Ranges"][1]["Days"] = 7
    changed["Sources"]["a"]["EngineProps"]["K"] = "w"
    assert json.loads(lossless.encode(profile)) == changed
    assert b"12345678901234567890123" in lossless.encode(profile)
    assert b"[null, {}, 1.0, 1e2]" in lossless.encode(profile)


def test_list_members_keep_their_own_unknown_fields_when_the_list_is_rearranged(profile):
    ranges = profile.destinations["d"].default_retention.ranges
    ranges.reverse()
    ranges.insert(1, RetentionRange(type=902))

    written = json.loads(lossless.encode(profile))["Destinations"]["d"]["DefaultRetention"]["Ranges"]
    assert written == [{"Type": 901, "N": 2}, {"Type": 902}, {"Type": 900, "N": 1}]


def test_moved_and_copied_structures_take_their_unknown_fields_along(profile):
    profile.sources["c"] = copy.deepcopy(profile.sources["a"])
    profile.sources["c"].description = "copy"
    profile.sources["e"] = profile.sources.pop("a")

    assert json.loads(lossless.encode(profile))["Sources"] == {
        "b": {},
        "c": {"Later": [1], "EngineProps": {"K": "v"}, "Description": "copy"},
        "e": {"Later": [1], "EngineProps": {"K": "v"}},
    }
    assert json.loads(lossless.encode(copy.copy(profile.sources["e"])))["Later"] == [1]


def test_copies_with_changes_and_pickles_take_their_unknown_fields_along(profile):
    replace = getattr(copy, "replace", lambda value, **changes: value.__replace__(**changes))
    changed = replace(profile.sources["a"], description="copy")
    assert json.loads(lossless.encode(changed)) == {
        "Later": [1],
        "EngineProps": {"K": "v"},
        "Description": "copy",
    }
    assert lossless.encode(profile) == PROFILE

    profile.account_name = "Bob"
    for kept in (profile, users(), SourceConfig(description="d", engine_props={})):
        again = pickle.loads(pickle.dumps(kept))
        assert again == kept
        assert lossless.encode(again) == lossless.encode(kept)


def test_a_part_is_sent_by_itself_without_loss(profile):
    assert lossless.encode(profile.sources["a"]) == b'{"Later": [1], "EngineProps": {"K": "v"}}'
    assert lossless.encode([profile.sources["b"], 1]) == b"[{},1]"


def test_a_replacement_is_only_what_it_says(profile):
    profile.sources["a"] = SourceConfig(description="new")
    assert json.loads(lossless.encode(profile))["Sources"]["a"] == {"Description": "new"}


def test_absent_null_empty_and_zero_stay_apart(profile):
    profile.emails = []
    profile.create_time = 0
    profile.override_email_settings = {}
    profile.backup_rules = None
    profile.sources = None

    written = json.loads(lossless.encode(profile))
    assert written["Emails"] == []
    assert written["CreateTime"] == 0
    assert written["OverrideEmailSettings"] == {}
    assert "BackupRules" not in written
    assert written["Sources"] is None
    assert "IsSuspended" not in written


def test_unknown_constants_stay_and_of_duplicate_keys_the_last_wins():
    text = b'{"Username": "first", "PasswordFormat": 99, "Username": "last"}'
    profile = lossless.decode(text, UserProfileConfig)
    assert profile.username == "last"
    assert lossless.encode(profile) == text

    profile.password_recovery = "x"
    assert json.loads(lossless.encode(profile)) == {
        "Username": "last",
        "PasswordFormat": 99,
        "PasswordRecovery": "x",
    }


def test_what_was_never_read_is_written_without_its_zeros():
    vault = DestinationConfig(description="Vault", pre_exec=[])
    assert json.loads(lossless.encode(vault))["PreExec"] == []
    assert lossless.encode(SourceConfig(description="d")) == b'{"Description":"d"}'
    assert msgspec.json.decode(lossless.encode(vault), type=DestinationConfig) == vault


def users() -> dict[str, UserProfileConfig]:
    return lossless.decode(b'{"bob": {"N": 1}, "eve": {"N": 2}}', dict[str, UserProfileConfig])


@pytest.mark.parametrize(
    "take",
    [
        lambda users: users["bob"],
        lambda users: users.get("bob"),
        lambda users: users.setdefault("bob"),
        lambda users: users.pop("bob"),
        lambda users: next(iter(users.values())),
        lambda users: next(iter(users.items()))[1],
        lambda users: dict(users)["bob"],
        lambda users: {**users}["bob"],
        lambda users: users.copy()["bob"],
        lambda users: copy.copy(users)["bob"],
        lambda users: copy.deepcopy(users)["bob"],
        lambda users: (users | {})["bob"],
        lambda users: ({} | users)["bob"],
        lambda users: {key: users[key] for key in users}["bob"],
    ],
)
def test_a_member_of_a_map_is_written_without_loss_however_it_was_taken_out(take):
    profile = take(users())
    profile.account_name = "Bob"
    assert json.loads(lossless.encode(profile)) == {"N": 1, "AccountName": "Bob"}


def test_the_last_member_of_a_map_can_be_popped():
    name, profile = users().popitem()
    assert (name, lossless.encode(profile)) == ("eve", b'{"N": 2}')


def test_a_member_that_was_put_in_is_not_taken_for_the_one_it_replaced():
    changed = users()
    changed["bob"] = UserProfileConfig(username="bob")
    changed["new"] = UserProfileConfig(username="new")
    del changed["eve"]
    assert json.loads(lossless.encode(changed)) == {"bob": {"Username": "bob"}, "new": {"Username": "new"}}
