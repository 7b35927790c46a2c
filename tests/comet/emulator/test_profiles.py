"""User Profiles: read with a hash, written with a hash, and what a write does to everything else."""

import json

import pytest

from tests.emulator_process import EmulatorProcess


@pytest.fixture
def read(emulator: EmulatorProcess):
    """The first user's profile with its hash."""
    user = emulator.call("admin/list-users")[0]
    return emulator.call("admin/get-user-profile-and-hash", TargetUser=user)


def write(emulator: EmulatorProcess, profile: dict, required_hash: str):
    return emulator.call(
        "admin/set-user-profile-hash",
        TargetUser=profile["Username"],
        ProfileData=json.dumps(profile),
        RequireHash=required_hash,
    )


def get(emulator: EmulatorProcess, user: str):
    return emulator.call("admin/get-user-profile", TargetUser=user)


def test_a_write_is_read_by_other_methods_and_after_a_restart(emulator, read):
    profile = read["Profile"] | {"AccountName": "Renamed & Sons", "FieldOfTheFuture": {"kept": [1, 2]}}
    user = profile["Username"]

    written = write(emulator, profile, read["ProfileHash"])

    assert written["Status"] == 200
    assert written["ProfileHash"] != read["ProfileHash"]
    assert get(emulator, user)["AccountName"] == "Renamed & Sons"
    emulator.restart()
    listed = emulator.call("admin/list-users-full")[user]
    assert listed["AccountName"] == "Renamed & Sons"
    assert listed["FieldOfTheFuture"] == {"kept": [1, 2]}
    assert (
        emulator.call("admin/get-user-profile-hash", TargetUser=user)["ProfileHash"] == written["ProfileHash"]
    )


def test_a_stale_hash_is_refused_and_changes_nothing(emulator, read):
    user = read["Profile"]["Username"]
    write(emulator, read["Profile"] | {"LanguageCode": "de_DE"}, read["ProfileHash"])

    conflict = write(emulator, read["Profile"] | {"LanguageCode": "fr_FR"}, read["ProfileHash"])

    assert conflict["Status"] == 409
    assert get(emulator, user)["LanguageCode"] == "de_DE"


def test_the_hash_changes_exactly_when_the_content_does(emulator, read):
    same = write(emulator, read["Profile"], read["ProfileHash"])
    assert same["ProfileHash"] == read["ProfileHash"]

    changed = write(emulator, read["Profile"] | {"MaximumDevices": 12}, same["ProfileHash"])
    assert changed["ProfileHash"] != same["ProfileHash"]
    back = write(emulator, read["Profile"], changed["ProfileHash"])
    assert back["ProfileHash"] == read["ProfileHash"]


def test_the_policy_block_follows_the_policy_named(emulator, read):
    policies = emulator.call("admin/policies/list-full")
    guid = next(guid for guid, policy in policies.items() if policy["Policy"]["PreventDeleteStorageVault"])

    written = write(emulator, read["Profile"] | {"PolicyID": guid}, read["ProfileHash"])

    assert written["Profile"]["Policy"]["PreventDeleteStorageVault"] is True


def test_a_write_is_told_on_the_stream_with_the_whole_profile(emulator, read, open_stream):
    stream = open_stream(allow_list="4102")
    user = read["Profile"]["Username"]
    write(emulator, read["Profile"] | {"AccountName": "Told Ltd"}, read["ProfileHash"])

    event = stream.read()

    assert (event["Type"], event["TypeString"]) == (4102, "SEVT_ACCOUNT_UPDATED")
    assert (event["Actor"], event["ResourceID"]) == ("admin", user)
    assert event["Data"] == get(emulator, user)


def test_null_counts_as_empty_and_missing_fields_as_zero(emulator, read):
    profile = read["Profile"] | {"Emails": None}
    del profile["SendEmailReports"]

    written = write(emulator, profile, read["ProfileHash"])

    assert written["Profile"]["Emails"] == []
    assert written["Profile"]["SendEmailReports"] is False


@pytest.mark.parametrize(
    "document",
    ["", "{", "[]", '{"Emails": "one"}', '{"MaximumDevices": "3"}', '{"Sources": {"x": {"Engine": 1}}}'],
)
def test_a_malformed_profile_is_refused(emulator, read, document):
    answer = emulator.call(
        "admin/set-user-profile-hash",
        TargetUser=read["Profile"]["Username"],
        ProfileData=document,
        RequireHash=read["ProfileHash"],
    )

    assert answer["Status"] == 400
    assert "ProfileData" in answer["Message"]


@pytest.mark.parametrize("field", ["Username", "OrganizationID", "CreationGUID"])
def test_what_identifies_a_user_stays(emulator, read, field):
    answer = emulator.call(
        "admin/set-user-profile-hash",
        TargetUser=read["Profile"]["Username"],
        ProfileData=json.dumps(read["Profile"] | {field: "other"}),
        RequireHash=read["ProfileHash"],
    )

    assert answer["Status"] == 400


@pytest.mark.parametrize("missing", ["TargetUser", "ProfileData", "RequireHash"])
def test_a_missing_parameter_is_named(emulator, read, missing):
    parameters = {
        "TargetUser": read["Profile"]["Username"],
        "ProfileData": "{}",
        "RequireHash": read["ProfileHash"],
    }
    del parameters[missing]

    answer = emulator.call("admin/set-user-profile-hash", **parameters)

    assert answer == {"Status": 400, "Message": f"Missing parameter {missing}"}


def test_a_removed_protected_item_runs_no_more(emulator):
    busiest = max(
        emulator.call("admin/get-jobs-all"), key=lambda job: (bool(job["SourceGUID"]), job["StartTime"])
    )
    user, source = busiest["Username"], busiest["SourceGUID"]
    read = emulator.call("admin/get-user-profile-and-hash", TargetUser=user)
    profile = read["Profile"]
    del profile["Sources"][source]
    write(emulator, profile, read["ProfileHash"])
    removed_at = emulator.order("state")["now"]

    emulator.order("advance", seconds=3 * 86_400)

    later = emulator.call("admin/get-jobs-for-user", TargetUser=user)
    assert any(job["StartTime"] > removed_at for job in emulator.call("admin/get-jobs-all"))
    assert not [job for job in later if job["SourceGUID"] == source and job["StartTime"] > removed_at]


def test_a_document_nested_too_deeply_is_refused(emulator, read):
    deep = "[" * 50_000 + "]" * 50_000
    clauses = '{"ClauseType": "and", "ClauseChildren": [' * 600 + "]}" * 600

    written = emulator.call(
        "admin/set-user-profile-hash",
        TargetUser=read["Profile"]["Username"],
        ProfileData=deep,
        RequireHash="any",
    )
    searched = emulator.call("admin/count-jobs-for-custom-search", Query=clauses)

    assert written["Status"] == 400
    assert searched.get("Status") == 400
