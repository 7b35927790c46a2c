"""What every method refuses: missing and malformed parameters, nobody, the wrong verb, the wrong role."""

import pytest
import requests

from tests.comet.conformance.test_answers import path_of
from tests.comet.conformance.world import METHODS, World

NEEDS_CREDENTIALS = sorted(n for n, m in METHODS.items() if m["auth"] in ("admin", "user", "hybrid"))
ONLY_TOP_LEVEL = sorted(n for n, m in METHODS.items() if m["top_level_only"])
SHARED = ("AdminAccountSessionUpgrade", "SessionKey")  # has the name of a credential
REQUIRED = [
    (n, p)
    for n, m in METHODS.items()
    for p in m["params"]
    if not p["optional"] and p["encoding"] != "file" and (n, p["name"]) != SHARED
]
TYPED = [(n, p) for n, m in METHODS.items() for p in m["params"] if p["encoding"] in ("int", "json")]
ROLES = {
    "Auth": "AuthenticationRole",
    "Storage": "StorageRole",
    "Software Build": "SoftwareBuildRole",
    "Constellation": "ConstellationRole",
}


def ids(value: object) -> str:
    return str(value["name"]) if isinstance(value, dict) else str(value)


@pytest.fixture(scope="module")
def user(world: World) -> dict:
    return world.as_user(world.user())


def refused(response: requests.Response, *statuses: int) -> bool:
    body = response.json()
    return response.status_code == 200 and body["Status"] in statuses and bool(body["Message"])


def credentials(name: str, user: dict) -> dict:
    return user if METHODS[name]["auth"] == "user" else {}


@pytest.mark.parametrize(("name", "parameter"), REQUIRED, ids=ids)
def test_a_missing_parameter_is_refused(world: World, user: dict, name: str, parameter: dict):
    others = {p["name"]: "1" for p in METHODS[name]["params"] if p["encoding"] == "string"}
    others.pop(parameter["name"], None)

    assert refused(world.emulator.post(path_of(name), **others, **credentials(name, user)), 400)


@pytest.mark.parametrize(("name", "parameter"), TYPED, ids=ids)
@pytest.mark.parametrize("value", ["1e400x", '{"half":'])
def test_a_malformed_parameter_is_refused(world, user, name, parameter, value):
    others = {p["name"]: "1" for p in METHODS[name]["params"] if p["encoding"] == "string"}
    given = {**others, parameter["name"]: value, **credentials(name, user)}

    assert refused(world.emulator.post(path_of(name), **given), 400)


@pytest.mark.parametrize("name", NEEDS_CREDENTIALS)
def test_nobody_is_let_in(world: World, name: str):
    url = f"{world.emulator.url}{METHODS[name]['path']}"

    assert refused(requests.post(url, timeout=10), 400, 403)
    wrong = {"Username": "admin", "AuthType": "Password", "Password": "wrong"}
    assert refused(requests.post(url, data=wrong, timeout=10), 403)
    key = {"Username": "admin", "AuthType": "SessionKey", "SessionKey": "wrong"}
    assert refused(requests.post(url, data=key, timeout=10), 403)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_the_wrong_verb_is_refused(world: World, name: str):
    verb = "POST" if METHODS[name]["http_method"] == "GET" else "GET"

    assert requests.request(verb, world.emulator.url + METHODS[name]["path"], timeout=10).status_code == 405


@pytest.mark.parametrize("name", ONLY_TOP_LEVEL)
def test_an_organization_s_admin_is_kept_out_of_the_top_level(world: World, tenant: dict, name: str):
    assert refused(world.emulator.post(path_of(name), **tenant), 403)


@pytest.fixture(scope="module")
def tenant(world: World) -> dict:
    """Credentials of an organization's admin, with the host where they are good."""
    guid = world.organization()
    host = world.call("admin/organization/list")[guid]["Hosts"][0]
    made = {"TargetUser": "kept-out", "TargetPassword": "tenant-password", "TargetOrgID": guid}
    world.call("admin/admin-user/new", **made)
    return {"host": host, "Username": "kept-out", "Password": "tenant-password"}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_that_is_off_refuses_all_its_methods(world: World, user: dict, role: str):
    names = [n for n, m in METHODS.items() if role in m["roles"] and m["auth"] != "optional-admin"]
    world.emulator.order("roles", role=role, enabled=False)
    try:
        assert world.call("admin/meta/version")[ROLES[role]] is False
        for name in names:
            assert refused(world.emulator.post(path_of(name), **credentials(name, user)), 400), name
    finally:
        world.emulator.order("roles", role=role, enabled=True)
    assert world.call("admin/meta/version")[ROLES[role]] is True
