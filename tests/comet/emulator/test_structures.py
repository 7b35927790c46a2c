"""Every method of the emulator answers with complete structures, checked against the API description."""

import json

import pytest

from tests.comet.emulator import wire_check
from tests.emulator_process import EmulatorProcess

METHODS = {method["name"]: method for method in wire_check.description()["methods"]}


@pytest.fixture(scope="module")
def parameters(emulator: EmulatorProcess) -> dict[str, dict[str, object]]:
    """Method name -> parameters with which it succeeds, for every method the emulator answers."""
    user = emulator.call("admin/list-users")[0]
    read = emulator.call("admin/get-user-profile-and-hash", TargetUser=user)
    write = {"ProfileData": json.dumps(read["Profile"]), "RequireHash": read["ProfileHash"]}
    job = emulator.call("admin/get-jobs-all")[0]["GUID"]
    target, live = next(iter(emulator.call("admin/dispatcher/list-active").items()))
    owner = emulator.call("admin/get-user-profile", TargetUser=live["Username"])
    source = next(guid for guid, s in owner["Sources"].items() if s["OwnerDevice"] == live["DeviceID"])
    rule = next(guid for guid, r in owner["BackupRules"].items() if r["Source"] == source)
    vault = next(iter(owner["Destinations"]))
    query = {"ClauseType": "", "RuleField": "Status", "RuleOperator": "int_eq", "RuleValue": "5000"}
    search = {"Query": json.dumps(query)}
    as_user = {
        "Username": next(u for u in emulator.call("admin/list-users-full").values() if is_top(u))["Username"]
    }
    as_user["Password"] = "user-password"
    by_key = key_of(emulator, "admin/account/session-start", {})
    user_key = key_of(emulator, "user/web/session/start", as_user)
    cancel, abandon = running(emulator), running(emulator)
    return {
        "AdminMetaVersion": {},
        "AdminAccountProperties": {},
        "AdminAccountSessionStart": {"SelfAddress": emulator.url},
        "AdminAccountSessionRevoke": by_key,
        "AdminAccountSessionStartAsUser": {"TargetUser": user},
        "UserWebSessionStart": as_user,
        "UserWebSessionRevoke": user_key,
        "UserWebGetUserProfileAndHash": as_user,
        "HybridSessionStart": {},
        "AdminListUsers": {},
        "AdminListUsersFull": {},
        "AdminGetUserProfile": {"TargetUser": user},
        "AdminGetUserProfileAndHash": {"TargetUser": user},
        "AdminGetUserProfileHash": {"TargetUser": user},
        "AdminSetUserProfileHash": {"TargetUser": user, **write},
        "AdminOrganizationList": {},
        "AdminOrganizationSet": {"Organization": '{"Name": "Whole", "Hosts": ["whole.localhost"]}'},
        "AdminPoliciesList": {},
        "AdminPoliciesListFull": {},
        "AdminDispatcherListActive": {},
        "AdminDispatcherRunBackup": {"TargetID": target, "BackupRule": rule},
        "AdminDispatcherRunBackupCustom": {"TargetID": target, "Source": source, "Destination": vault},
        "AdminJobCancel": cancel,
        "AdminJobAbandon": abandon,
        "AdminGetJobsAll": {},
        "AdminGetJobsForDateRange": {"Start": 0, "End": 0},
        "AdminGetJobsRecent": {},
        "AdminGetJobsForUser": {"TargetUser": user},
        "AdminGetJobsForCustomSearch": search,
        "AdminCountJobsForCustomSearch": search,
        "AdminGetJobProperties": {"JobID": job},
        "AdminGetJobLog": {"JobID": job},
        "AdminGetJobLogEntries": {"JobID": job},
        "AdminAdminUserList": {},
        "AdminAdminUserNew": {"TargetUser": "one-more", "TargetPassword": "one-more-password"},
        "AdminAdminUserDelete": {"TargetUser": second_admin(emulator)},
    }


def test_every_method_answers_a_complete_structure(emulator, parameters):
    found = []
    for name, given in parameters.items():
        method = METHODS[name]
        response = emulator.post(method["path"].removeprefix("/api/v1/"), **given)
        assert response.status_code == 200, name
        assert response.headers["Content-Type"].partition(";")[0] == method["returns"]["content_type"], name
        if method["returns"]["kind"] == "json":
            found += [
                f"{name} {fault}" for fault in wire_check.faults(method["returns"]["type"], response.json())
            ]
            assert "Status" not in response.json() or response.json()["Status"] in (
                200,
                *range(5000, 8000),
            ), name

    assert found == []


def test_the_list_of_methods_above_is_all_of_them(parameters):
    from comet.emulator.methods import HANDLERS

    assert parameters.keys() == HANDLERS.keys()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("admin/meta/shutdown-service", 404),  # of the API, not emulated
        ("admin/no-such-method", 404),
        ("", 404),
    ],
)
def test_an_unknown_method_is_not_found(emulator, path, status):
    assert emulator.post(path).status_code == status


def test_a_method_takes_post_only(emulator):
    import requests

    assert requests.get(f"{emulator.url}/api/v1/admin/meta/version", timeout=10).status_code == 405


def test_an_alias_answers_like_its_method(emulator):
    bounds = {"Start": 0, "End": 4_000_000_000}
    method = emulator.call("admin/get-jobs-for-date-range", **bounds)
    alias = emulator.call("admin/get-jobs-for-daterange", **bounds)

    assert {job["GUID"] for job in alias} == {job["GUID"] for job in method} != set()


def test_branding_needs_no_credentials_and_is_complete(emulator):
    import requests

    response = requests.get(f"{emulator.url}/gen/branding.props", timeout=10)

    assert wire_check.faults("ServerMetaBrandingProperties", response.json()) == []
    assert response.json()["ExpiredInSeconds"] == 1800
    assert requests.get(f"{emulator.url}/gen/logo.img", timeout=10).headers["Content-Type"] == "image/svg+xml"


def test_a_form_that_is_no_form_is_refused(emulator):
    import requests

    url = f"{emulator.url}/api/v1/admin/meta/version"
    assert requests.post(url, data=b"Username=\xff\xfe", timeout=10).json()["Status"] == 400
    assert requests.post(url, data=b"Username=%ff", timeout=10).json()["Status"] == 400


def is_top(profile: dict) -> bool:
    return not profile.get("OrganizationID")


def key_of(emulator: EmulatorProcess, path: str, credentials: dict) -> dict[str, str]:
    key = emulator.call(path, **credentials)["SessionKey"]
    return {**credentials, "AuthType": "SessionKey", "SessionKey": key}


def running(emulator: EmulatorProcess) -> dict[str, str]:
    """TargetUser and JobID of a job that runs on a connected device."""
    live = next(iter(emulator.call("admin/dispatcher/list-active").values()))
    order = {"username": live["Username"], "device_id": live["DeviceID"], "duration_seconds": 600}
    return {"TargetUser": live["Username"], "JobID": emulator.order("jobs/start", **order)["guid"]}


def second_admin(emulator: EmulatorProcess) -> str:
    emulator.call("admin/admin-user/new", TargetUser="second", TargetPassword="second-password")
    return "second"
