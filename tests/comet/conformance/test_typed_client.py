"""Every method of the typed client, called with its own types over real HTTP."""

import json
import typing
from types import NoneType
from typing import Any

import msgspec
import pytest

import comet
from comet.emulator import shapes
from comet.spec.names import snake_case
from tests.comet.conformance.makers import upload
from tests.comet.conformance.test_answers import TOGETHER
from tests.comet.conformance.world import METHODS, Wire, World, parameters

CREDENTIALS = ("Username", "AuthType", "Password", "TOTP")


def client_of(world: World, given: Wire) -> comet.CometClient:
    """A client with the credentials among the parameters, which are taken out."""
    own = {name: given.pop(name) for name in CREDENTIALS if name in given}
    credential: Any = comet.Password(world.emulator.admin.name, world.emulator.admin.password)
    if own.get("AuthType") == "SessionKey":
        credential = comet.SessionKey(own["Username"], given.pop("SessionKey"))
    elif own.get("AuthType") == "Password":
        credential = comet.Password(own["Username"], own["Password"])
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


UPGRADE = "AdminAccountSessionUpgrade"  # its SessionKey has the name of the client's own credential


@pytest.mark.parametrize("name", [name for name in TOGETHER if name != UPGRADE])
def test_a_method_of_the_client_is_answered(world: World, name: str):
    given = dict(parameters(world, name))
    with client_of(world, given) as client:
        function = getattr(client, snake_case(name))
        answer = function(**typed(function, given, name))

    assert answer is not None


def test_every_method_of_the_description_is_walked():
    assert set(TOGETHER) <= set(shapes.methods())
    assert len(METHODS) == 251


def test_an_upload_by_the_client_is_what_the_server_keeps(world: World):
    with client_of(world, {}) as client:
        kept = client.admin_meta_resource_new(upload=b"the same")

    assert kept.resource_hash == upload(world, b"the same").json()["ResourceHash"]
