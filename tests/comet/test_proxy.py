"""Calls and streams through a proxy that was named, and none without."""

import base64

import pytest

import comet
from comet import Password
from tests.comet.proxy import Proxy


@pytest.fixture
def proxy():
    proxy = Proxy()
    yield proxy
    proxy.close()


def test_plain_calls_go_through_the_proxy_with_its_own_credential(server, proxy):
    server.answers("admin/meta/version", {"Version": "25.9.8"})

    client = server.client(proxy=proxy.address, host="acme.example")

    assert client.admin_meta_version().version == "25.9.8"
    assert proxy.heads[0].startswith(f"POST {server.url}/api/v1/admin/meta/version HTTP/1.1")
    assert base64.b64encode(b"name:pass word").decode() in proxy.heads[0]
    assert server.requests[0].headers["Host"] == "acme.example"


def test_no_proxy_is_used_unless_it_is_named(server, proxy, monkeypatch):
    server.answers("admin/meta/version", {"Version": "25.9.8"})
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.address)
    server.client().admin_meta_version()
    assert proxy.heads == []


def test_no_proxy_in_the_environment_switches_a_named_one_off(server, proxy, monkeypatch):
    server.answers("admin/meta/version", {"Version": "25.9.8"})
    monkeypatch.setenv("NO_PROXY", "*")
    server.client(proxy=proxy.address).admin_meta_version()
    assert len(proxy.heads) == 1


def test_a_proxy_nobody_listens_at(server, proxy):
    proxy.close()
    client = comet.CometClient(server.url, Password("a", "b"), proxy="http://127.0.0.1:1")
    with pytest.raises(comet.ConnectionRefused):
        client.admin_meta_version()


@pytest.mark.parametrize("address", ["proxy.example:3128", "socks5://proxy.example", "http://"])
def test_addresses_that_cannot_be_proxies(address):
    with pytest.raises(comet.BadAddress, match="proxy"):
        comet.CometClient("http://server.example", proxy=address)


def test_a_guard_and_a_proxy_exclude_each_other():
    with pytest.raises(ValueError, match="guard"):
        comet.CometClient("http://a.example", proxy="http://b.example", address_guard=lambda *_: None)


def test_the_proxys_password_is_not_shown(server, proxy):
    client = server.client(proxy=proxy.address)
    assert "pass" not in repr(client)
    proxy.close()
    with pytest.raises(comet.CometError) as caught:
        comet.CometClient(server.url, proxy="http://name:hush@127.0.0.1:1").branding_props()
    assert "hush" not in str(caught.value)
