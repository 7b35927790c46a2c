"""The Host header decides which organization a call speaks to."""

from dataclasses import dataclass

import pytest

from tests.emulator_process import EmulatorProcess

TENANT = {"Username": "keeper", "Password": "keeper-password"}
TOP_LEVEL_ONLY = [
    "admin/organization/list",
    "admin/organization/set",
    "admin/admin-user/list",
    "admin/admin-user/new",
    "admin/admin-user/delete",
]


@dataclass
class Organization:
    guid: str
    host: str
    other_host: str


@pytest.fixture(scope="module")
def organization(emulator: EmulatorProcess) -> Organization:
    """An organization with an admin of its own."""
    (guid, own), (_, other), *_ = emulator.call("admin/organization/list").items()
    answer = emulator.call(
        "admin/admin-user/new",
        TargetUser=TENANT["Username"],
        TargetPassword=TENANT["Password"],
        TargetOrgID=guid,
    )
    assert answer["Status"] == 200
    return Organization(guid, own["Hosts"][0], other["Hosts"][0])


def test_a_tenant_admin_signs_in_at_its_own_host_only(emulator, organization):
    properties = emulator.call("admin/account/properties", host=organization.host, **TENANT)
    assert properties["OrganizationID"] == organization.guid

    assert emulator.call("admin/account/properties", **TENANT)["Status"] == 403
    assert emulator.call("admin/account/properties", host=organization.other_host, **TENANT)["Status"] == 403


def test_the_top_level_admin_signs_in_at_no_organizations_host(emulator, organization):
    assert emulator.call("admin/account/properties", host=organization.host)["Status"] == 403
    assert emulator.call("admin/account/properties", host="localhost")["OrganizationID"] == ""
    assert emulator.call("admin/account/properties", host="backup.example")["OrganizationID"] == ""


def test_a_key_is_refused_at_another_host(emulator, organization):
    key = emulator.call("admin/account/session-start", host=organization.host, **TENANT)["SessionKey"]
    session = {"Username": TENANT["Username"], "AuthType": "SessionKey", "SessionKey": key}

    assert isinstance(emulator.call("admin/list-users", host=organization.host, **session), list)
    assert emulator.call("admin/list-users", **session)["Status"] == 403
    assert emulator.call("admin/list-users", host=organization.other_host, **session)["Status"] == 403


def test_an_end_users_key_is_good_at_his_organizations_host(emulator, organization):
    user = emulator.call("admin/list-users", host=organization.host, **TENANT)[0]
    key = emulator.call("admin/account/session-start-as-user", TargetUser=user)["SessionKey"]
    session = {"Username": user, "AuthType": "SessionKey", "SessionKey": key}

    own = emulator.call("user/web/get-user-profile-and-hash", host=organization.host, **session)
    assert own["Profile"]["Username"] == user
    assert emulator.call("user/web/get-user-profile-and-hash", **session)["Status"] == 403


@pytest.mark.parametrize("path", TOP_LEVEL_ONLY)
def test_a_tenant_admin_is_refused_what_is_the_top_levels(emulator, organization, path):
    assert emulator.call(path, host=organization.host, **TENANT)["Status"] == 403


def test_users_and_their_things_are_narrowed_to_the_organization(emulator, organization):
    everything = emulator.call("admin/list-users-full")
    own = {name for name, p in everything.items() if p.get("OrganizationID") == organization.guid}
    assert own
    assert own != everything.keys()

    def ask(path: str, **parameters: object):
        return emulator.call(path, host=organization.host, **TENANT, **parameters)

    assert set(ask("admin/list-users")) == own
    assert ask("admin/list-users-full").keys() == own
    assert {live["Username"] for live in ask("admin/dispatcher/list-active").values()} <= own
    jobs = {job["GUID"] for job in ask("admin/get-jobs-all")}
    assert jobs
    assert jobs == {job["GUID"] for job in emulator.call("admin/get-jobs-all") if job["Username"] in own}
    policies = ask("admin/policies/list-full").values()
    assert {policy["OrganizationID"] for policy in policies} == {organization.guid}


def test_a_foreign_user_or_job_is_as_good_as_missing(emulator, organization):
    everything = emulator.call("admin/list-users-full")
    foreign = next(name for name, p in everything.items() if p.get("OrganizationID") != organization.guid)
    job = emulator.call("admin/get-jobs-for-user", TargetUser=foreign)[0]["GUID"]

    def ask(path: str, **parameters: str):
        return emulator.call(path, host=organization.host, **TENANT, **parameters)

    unknown = ask("admin/get-user-profile", TargetUser="nobody-at-all")
    assert unknown["Status"] == 400
    assert ask("admin/get-user-profile", TargetUser=foreign) == unknown
    assert ask("admin/account/session-start-as-user", TargetUser=foreign) == unknown
    no_job = ask("admin/get-job-properties", JobID="no-such-job")
    assert no_job["Status"] == 400
    assert ask("admin/get-job-properties", JobID=job) == no_job


def test_a_foreign_connection_is_as_good_as_gone(emulator, organization):
    own = set(emulator.call("admin/list-users", host=organization.host, **TENANT))
    active = emulator.call("admin/dispatcher/list-active")
    foreign = next(guid for guid, live in active.items() if live["Username"] not in own)

    answer = emulator.call(
        "admin/dispatcher/run-backup", host=organization.host, TargetID=foreign, BackupRule="any", **TENANT
    )

    assert answer == {"Status": 403, "Message": "Unauthorised"}


def test_policies_of_one_organization_can_be_asked_for(emulator, organization):
    everything = emulator.call("admin/policies/list-full")
    narrowed = emulator.call("admin/policies/list-full", TargetOrganization=organization.guid)

    assert 0 < len(narrowed) < len(everything)
    assert (
        emulator.call("admin/policies/list", TargetOrganization=organization.guid).keys() == narrowed.keys()
    )


def test_a_new_organization_answers_at_its_host_after_a_restart_too(emulator):
    made = emulator.call(
        "admin/organization/set", Organization='{"Name": "Rill", "Hosts": ["rill.localhost"]}'
    )
    account = {"TargetUser": "rill-admin", "TargetPassword": "rill-password", "TargetOrgID": made["ID"]}
    emulator.call("admin/admin-user/new", **account)
    emulator.restart()

    properties = emulator.call(
        "admin/account/properties", host="RILL.localhost", Username="rill-admin", Password="rill-password"
    )
    assert properties["OrganizationID"] == made["ID"]
    assert emulator.call("admin/organization/list")[made["ID"]]["Name"] == "Rill"


def test_a_host_belongs_to_one_organization(emulator, organization):
    taken = f'{{"Name": "Copy", "Hosts": ["{organization.host}"]}}'

    assert emulator.call("admin/organization/set", Organization=taken)["Status"] == 400
    assert emulator.call("admin/organization/set", Organization='{"Hosts": ["https://x/"]}')["Status"] == 400


def test_a_deleted_admin_and_its_keys_are_gone(emulator):
    emulator.call("admin/admin-user/new", TargetUser="brief", TargetPassword="brief-password")
    account = {"Username": "brief", "Password": "brief-password"}
    key = emulator.call("admin/account/session-start", **account)["SessionKey"]
    assert emulator.call("admin/admin-user/new", TargetUser="brief", TargetPassword="x")["Status"] == 400

    assert emulator.call("admin/admin-user/delete", TargetUser="brief")["Status"] == 200

    assert emulator.call("admin/list-users", **account)["Status"] == 403
    assert (
        emulator.call("admin/list-users", Username="brief", AuthType="SessionKey", SessionKey=key)["Status"]
        == 403
    )
    assert "brief" not in {admin["Username"] for admin in emulator.call("admin/admin-user/list")}
    assert emulator.call("admin/admin-user/delete", TargetUser="brief")["Status"] == 400


def test_an_admin_does_not_delete_himself(emulator):
    assert emulator.call("admin/admin-user/delete", TargetUser=emulator.admin.name)["Status"] == 400
