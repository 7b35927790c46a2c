"""What each method puts on the wire, compared with the described API."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import comet
import comet.types
from comet import lossless
from comet.api import Methods
from comet.spec.emit_types import python_type
from comet.spec.model import load
from comet.spec.names import snake_case
from tests.comet.wire_documents import values

METHODS = load().methods
_SAMPLES = {"string": "a b&c=\u00e4", "int": 2**53 + 1, "bool": True, "bytes": b"\x00file"}


def _sample(wire_type):
    if wire_type in _SAMPLES:
        return _SAMPLES[wire_type]
    if wire_type.startswith("list["):
        return [_sample(wire_type[len("list[") : -1])]
    if wire_type.startswith("map["):
        return {"key": _sample(wire_type[len("map[string]") :])}
    return getattr(comet.types, wire_type)()


class Sent(Exception):
    """Carries the call that would have been sent."""


class Recorder(Methods):
    url = "http://server.example"

    def _exchange(self, call, read):
        raise Sent(call)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_whatever_is_given_is_sent_as_the_spec_says(method):
    optional = {param.name: values(param.type) for param in method.params if param.optional}
    needed = {param.name: values(param.type) for param in method.params if not param.optional}

    @given(wire=st.fixed_dictionaries(needed, optional=optional))
    def check(wire):
        kinds = {param.name: python_type(param.type) for param in method.params}
        arguments = {
            snake_case(name): b"\x00" if kinds[name] == "bytes" else typed(value, kinds[name])
            for name, value in wire.items()
        }
        with pytest.raises(Sent) as sent:
            getattr(Recorder(), snake_case(method.name))(**arguments)
        (call,) = sent.value.args
        assert (call.method, call.path, call.http_method) == (method.name, method.path, method.http_method)
        assert call.signed_in is (method.auth != "none")
        form = dict(call.form)
        for param in method.params:
            if param.encoding == "file":
                assert call.files == {param.name: b"\x00"}
            elif param.name in wire and param.encoding == "json" and param.type != "bool":
                assert json.loads(form.pop(param.name)) == wire[param.name]
            elif param.name in wire and not (param.sdk_default and not wire[param.name]):
                value = wire[param.name]
                assert form.pop(param.name) == (value if isinstance(value, str) else str(int(value)))
            elif param.sdk_default == "server_url":
                assert form.pop(param.name) == Recorder.url
        assert form == {}

    check()


def typed(value, kind):
    """A JSON value as the method takes it: structures as this package's, lossless."""
    return lossless.decode(json.dumps(value).encode(), eval(kind, vars(comet.types)))


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_a_method_sends_what_the_spec_says(server, method):
    given = {param.name: _sample(param.type) for param in method.params}
    is_upload = any(param.encoding == "file" for param in method.params)

    with pytest.raises(comet.NotComet):  # the server knows no path: only the request matters here
        getattr(server.client(), snake_case(method.name))(
            **{snake_case(name): value for name, value in given.items()}
        )

    (request,) = server.requests
    assert request.path == method.path
    assert request.http_method == method.http_method
    if is_upload:
        assert b"\x00file" in request.body
        return
    signature = {"Username": "admin", "AuthType": "Password", "Password": "long and secret"}
    sent = request.form
    assert set(sent) == set(given) | (set() if method.auth == "none" else set(signature))
    for param in method.params:
        value = given[param.name]
        if param.encoding == "json" and param.type != "bool":
            assert json.loads(sent[param.name]) == json.loads(lossless.encode(value))
        else:
            assert sent[param.name] == (value if isinstance(value, str) else str(int(value)))


@pytest.mark.parametrize(
    "method",
    [method for method in METHODS if any(param.optional for param in method.params)],
    ids=lambda method: method.name,
)
def test_options_that_are_not_given_are_not_sent(server, method):
    needed = {snake_case(param.name): _sample(param.type) for param in method.params if not param.optional}

    with pytest.raises(comet.NotComet):
        getattr(server.client(), snake_case(method.name))(**needed)

    form = server.requests[0].form
    for param in method.params:
        if param.optional:
            assert form.get(param.name) == (server.url if param.sdk_default == "server_url" else None)
