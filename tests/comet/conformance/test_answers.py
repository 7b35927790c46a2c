"""Every method of the API answers with its type, by its own path and by each alias."""

import json

import pytest
import requests

from comet.spec.safe import is_safe
from tests.comet.conformance.makers import upload
from tests.comet.conformance.world import METHODS, Wire, World, parameters
from tests.comet.emulator import wire_check
from tests.emulator_process import start_emulator

APART = {
    "AdminAddFirstAdminUser": "needs a server without administrators",
    "AdminMetaResourceNew": "is an upload",
    "AdminMetaRestartService": "ends the server",
    "AdminMetaServerConfigSet": "ends the server",
    "AdminMetaShutdownService": "ends the server",
    "BrandingProps": "is the only GET",
}
TOGETHER = sorted(METHODS.keys() - APART.keys())


def check(name: str, response: requests.Response) -> None:
    """The answer is a success of the method's own type."""
    returns = METHODS[name]["returns"]
    assert response.status_code == 200, response.text
    content_type = response.headers["Content-Type"].partition(";")[0]
    assert content_type == returns["content_type"], response.text[:300]
    if returns["kind"] == "json":
        answer = response.json()
        assert wire_check.faults(returns["type"], answer) == []
        if isinstance(answer, dict) and "Message" in answer:
            assert 200 <= answer["Status"] <= 299, answer
    else:
        assert response.content


def path_of(name: str) -> str:
    return METHODS[name]["path"].removeprefix("/api/v1/")


@pytest.mark.parametrize("name", TOGETHER)
def test_a_method_answers_its_type(world: World, name: str):
    check(name, world.emulator.post(path_of(name), **parameters(world, name)))


ALIASES = [(m["name"], a["path"]) for m in METHODS.values() for a in m["aliases"]]


@pytest.mark.parametrize(("name", "path"), [pair for pair in ALIASES if is_safe(pair[0])])
def test_an_alias_of_what_only_reads_answers_the_same(world: World, name: str, path: str):
    given = parameters(world, name)
    answers = [world.emulator.post(p, **given) for p in (path_of(name), path.removeprefix("/api/v1/"))]

    check(name, answers[0])
    assert answers[0].content == answers[1].content


@pytest.mark.parametrize(("name", "path"), ALIASES)
def test_an_alias_answers_the_same_type(world: World, name: str, path: str):
    check(name, world.emulator.post(path.removeprefix("/api/v1/"), **parameters(world, name)))


def test_branding_is_read_without_credentials(world: World):
    check("BrandingProps", requests.get(f"{world.emulator.url}/gen/branding.props", timeout=10))


def test_a_file_is_uploaded_and_read_back(world: World):
    answer = upload(world, b"\x00\xff binary")
    check("AdminMetaResourceNew", answer)
    digest = answer.json()["ResourceHash"]

    read = world.emulator.post("admin/meta/resource/get", Hash=f"resource://{digest}")

    assert read.content == b"\x00\xff binary"


@pytest.mark.parametrize("name", ["AdminMetaRestartService", "AdminMetaServerConfigSet"])
def test_a_restart_answers_first_and_comes_back_as_another_start(world: World, name: str):
    given: Wire = {}
    if name == "AdminMetaServerConfigSet":
        given["Config"] = json.dumps(world.call("admin/meta/server-config/get"))
    before = world.call("admin/meta/version")

    with world.emulator.restarting():
        check(name, world.emulator.post(path_of(name), **given))

    after = world.call("admin/meta/version")
    assert after["ServerStartHash"] != before["ServerStartHash"]
    assert after["ServerStartTime"] >= before["ServerStartTime"]


def test_the_first_administrator_is_made_once_and_a_shutdown_ends_the_server():
    with start_emulator(users=1, extra=["--no-admin"]) as empty:
        first = {"TargetUser": "first", "TargetPassword": "first-password"}
        assert requests.get(f"{empty.url}/gen/branding.props", timeout=10).json()["ServerIsEmpty"] is True
        check("AdminAddFirstAdminUser", empty.post("admin/add-first-admin-user", **first))
        assert empty.call("admin/add-first-admin-user", **first)["Status"] == 403
        credentials = {"Username": "first", "Password": "first-password"}

        check("AdminMetaShutdownService", empty.post("admin/meta/shutdown-service", **credentials))
        empty.order("down")

        with pytest.raises(requests.ConnectionError):
            empty.post("admin/meta/version", **credentials)
        empty.order("start")
        assert empty.call("admin/meta/version", **credentials)["Version"]
