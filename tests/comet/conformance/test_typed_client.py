"""Every method of the typed client, called with its own types over real HTTP."""

import json
import typing
from pathlib import Path
from types import NoneType
from typing import Any

import msgspec
import pytest

import comet
from comet.emulator import shapes
from comet.spec.names import snake_case
from tests.comet.conformance.makers import upload
from tests.comet.conformance.test_answers import APART, TOGETHER
from tests.comet.conformance.world import METHODS, Wire, World, parameters
from tests.emulator_process import start_emulator

CREDENTIALS = ("Username", "AuthType", "Password", "TOTP")


def client_of(world: World, given: Wire) -> comet.CometClient:
    """A client with the credentials among the parameters, which are taken out."""
    own = {name: given.pop(name) for name in CREDENTIALS if name in given}
    credential: Any = comet.Password(world.emulator.admin.name, world.emulator.admin.password)
    if own.get("AuthType") == "SessionKey":
        credential = comet.SessionKey(own["Username"], given.pop("SessionKey"))
    elif own.get("AuthType") == "Password":
        credential = comet.Password(own["Username"], own["Password"])
    elif own.get("AuthType") == "TOTP":
        credential = comet.TOTP(own["Username"], own["TOTP"])
    return comet.CometClient(world.emulator.url, credential)


def typed(function: Any, given: Wire, name: str) -> Wire:
    """The same parameters as the client's signature wants them."""
    kinds = {p["name"]: p for p in METHODS[name]["params"]}
    hints = typing.get_type_hints(function)
    arguments = {}
    for wire_name, value in given.items():
        hint = hints[snake_case(wire_name)]
        kind = next((k for k in typing.get_args(hint) if k is not NoneType), hint)
        kind = kind if NoneType in typing.get_args(hint) else hint
        if kinds[wire_name]["encoding"] == "json":
            whole = json.loads(value) if isinstance(value, str) else value
            value = bool(whole) if kind is bool else msgspec.convert(whole, kind)
        elif kinds[wire_name]["encoding"] == "int":
            value = int(value)
        arguments[snake_case(wire_name)] = value
    return arguments


def call(world: World, name: str, given: Wire) -> Any:
    """What the client's method answers; that it was the one that called is checked."""
    called: list[str] = []
    with client_of(world, given) as client:
        client._on_call = lambda method, *_: called.append(method)
        function = getattr(client, snake_case(name))
        answer = function(**typed(function, given, name))
    assert called == [name]
    return answer


@pytest.mark.parametrize("name", TOGETHER)
def test_a_method_of_the_client_is_answered(world: World, name: str):
    assert call(world, name, dict(parameters(world, name))) is not None


def test_branding_is_read_by_the_client(world: World):
    assert call(world, "BrandingProps", {}).product_name


def test_an_upload_by_the_client_is_what_the_server_keeps(world: World):
    with client_of(world, {}) as client:
        kept = client.admin_meta_resource_new(upload=b"the same")

    assert kept.resource_hash == upload(world, b"the same").json()["ResourceHash"]


@pytest.mark.parametrize("name", ["AdminMetaRestartService", "AdminMetaServerConfigSet"])
def test_the_client_restarts_the_server(world: World, name: str):
    given = {"Config": world.call("admin/meta/server-config/get")} if name.endswith("Set") else {}
    with world.emulator.restarting():
        assert call(world, name, given).status == 200


def test_the_client_makes_the_first_administrator_and_shuts_the_server_down():
    with start_emulator(users=1, extra=["--no-admin"]) as empty:
        first = comet.Password("first", "first-password")
        with comet.CometClient(empty.url, first) as client:
            made = client.admin_add_first_admin_user(
                target_user=first.username, target_password=first.password
            )
            assert made.status == 200
            assert client.admin_meta_shutdown_service().status == 200
            empty.order("down")
            with pytest.raises(comet.ConnectionRefused):
                client.admin_meta_version()


def test_every_method_of_the_description_is_one_of_the_clients_and_called_here():
    own = {name for name in dir(comet.CometClient) if not name.startswith("_")}

    assert {snake_case(name) for name in METHODS} <= own
    assert set(TOGETHER) | APART.keys() == METHODS.keys() == shapes.methods().keys()
    source = Path(__file__).read_text("utf-8")
    assert [name for name in APART if name not in source and snake_case(name) not in source] == []
    assert len(METHODS) == 251


def test_a_key_given_for_the_password_alone_is_made_good(world: World):
    given = parameters(world, "AdminAccountSessionUpgrade")
    name, pending = given["Username"], given["SessionKey"]
    with client_of(world, {**world.as_user(name, "another-password")}) as by_password:
        with pytest.raises(comet.SecondFactorRequired) as asked:
            by_password.admin_account_session_start()
        assert asked.value.pending_key
    with comet.CometClient(world.emulator.url, comet.SessionKey(name, pending)) as by_key:
        with pytest.raises(comet.Forbidden):
            by_key.admin_meta_version()
        with comet.CometClient(world.emulator.url, comet.TOTP(name, given["TOTP"])) as by_code:
            by_code.admin_account_session_upgrade(session_key=pending)

        assert by_key.admin_meta_version().version
        with pytest.raises(comet.BadParameter, match="SessionKey is also how this client signs in"):
            by_key.admin_account_session_upgrade(session_key="another")
