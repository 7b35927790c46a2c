"""User Profiles changed under their hash."""

import hashlib
import json

import pytest

import comet
from comet.profiles import edit_own_profile, edit_profile
from tests.comet.scripted_server import reply

PROFILE = {"Username": "bob", "Newer": {"x": [None, 1.0]}, "Emails": ["a@example.com"], "Devices": None}


class ProfileServer:
    """Keeps one profile; `meanwhile` are changes others make just before each next write."""

    def __init__(self, server, *, prefix="admin", conflict=409, tells_result=True):
        self.profile = json.loads(json.dumps(PROFILE))
        self.meanwhile = []
        self.writes = 0
        self._conflict = conflict
        self._tells_result = tells_result
        server.decides(f"{prefix}/get-user-profile-and-hash", lambda _: reply(self._answer()))
        server.decides("admin/set-user-profile-hash", lambda request: self._write(request, "RequireHash"))
        server.decides("user/web/set-profile-hash", lambda request: self._write(request, "ProfileHash"))

    def hash(self):
        return hashlib.sha256(json.dumps(self.profile).encode()).hexdigest()

    def _answer(self):
        return {"Status": 200, "Message": "OK", "ProfileHash": self.hash(), "Profile": self.profile}

    def _write(self, request, hash_name):
        self.writes += 1
        if self.meanwhile:
            self.profile |= self.meanwhile.pop(0)
        if request.form[hash_name] != self.hash():
            return reply({"Status": self._conflict, "Message": "changed"})
        self.profile = json.loads(request.form["ProfileData"])
        return reply(self._answer() if self._tells_result else {"Status": 200, "Message": "OK"})


def rename(profile):
    profile.account_name = "Bob"


def test_an_edit_changes_what_it_says_and_nothing_else(server):
    kept = ProfileServer(server)

    edited = edit_profile(server.client(), "bob", rename)

    assert kept.profile == PROFILE | {"AccountName": "Bob"}
    assert (edited.was_written, edited.conflicts, edited.profile_hash) == (True, 0, kept.hash())
    assert (edited.before.account_name, edited.profile.account_name) == ("", "Bob")


def test_servers_that_do_not_tell_the_result_are_asked_for_it(server):
    kept = ProfileServer(server, tells_result=False)
    edited = edit_profile(server.client(), "bob", rename)
    assert (edited.profile.account_name, edited.profile_hash) == ("Bob", kept.hash())


@pytest.mark.parametrize("conflict", [409, 400])
def test_the_change_is_applied_again_to_what_others_wrote_meanwhile(server, conflict):
    kept = ProfileServer(server, conflict=conflict)
    kept.meanwhile = [{"GroupID": "g"}, {"Later": [1]}]

    edited = edit_profile(server.client(), "bob", lambda profile: profile.emails.append("b@example.com"))

    assert edited.conflicts == 2
    assert kept.profile == PROFILE | {
        "GroupID": "g",
        "Later": [1],
        "Emails": ["a@example.com", "b@example.com"],
    }


def test_a_profile_that_never_rests_is_given_up(server):
    kept = ProfileServer(server)
    kept.meanwhile = [{"Later": number} for number in range(9)]

    with pytest.raises(comet.Conflict):
        edit_profile(server.client(), "bob", rename, attempts=3)
    assert kept.writes == 3


def test_a_refusal_for_another_reason_is_not_repeated(server):
    kept = ProfileServer(server)
    server.answers("admin/set-user-profile-hash", {"Status": 400, "Message": "bad policy"})
    with pytest.raises(comet.APIError, match="bad policy"):
        edit_profile(server.client(), "bob", rename)

    server.answers("admin/set-user-profile-hash", {"Status": 403, "Message": "no"})
    with pytest.raises(comet.Forbidden):
        edit_profile(server.client(), "bob", rename)
    assert kept.profile == PROFILE


def test_what_changes_nothing_is_not_written(server):
    kept = ProfileServer(server)
    edited = edit_profile(server.client(), "bob", lambda profile: None)
    assert (edited.was_written, kept.writes) == (False, 0)


def test_an_error_in_the_change_writes_nothing(server):
    kept = ProfileServer(server)

    def fail(profile):
        profile.account_name = "half"
        raise LookupError("no such item")

    with pytest.raises(LookupError):
        edit_profile(server.client(), "bob", fail)
    assert kept.writes == 0


def test_end_users_edit_their_own(server):
    kept = ProfileServer(server, prefix="user/web")
    edit_own_profile(server.client(), rename)
    assert kept.profile == PROFILE | {"AccountName": "Bob"}


def test_an_edit_needs_an_attempt(server):
    ProfileServer(server)
    with pytest.raises(ValueError, match="attempt"):
        edit_profile(server.client(), "bob", rename, attempts=0)
