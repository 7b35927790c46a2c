import socket

import pytest

from portal.demo import ports
from portal.demo.errors import DemoError


@pytest.fixture
def taken_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_taken_port_is_refused_with_the_variable_to_set(taken_port):
    with pytest.raises(DemoError, match=rf"Port {taken_port} \(the portal\) is taken.*make run PORT=\d+"):
        ports.require_free("127.0.0.1", taken_port, variable="PORT", purpose="the portal")


def test_a_free_port_passes():
    ports.require_free("127.0.0.1", ports.free_port(), variable="PORT", purpose="the portal")


def test_an_address_of_another_machine_is_named():
    with pytest.raises(DemoError, match=r"'192\.0\.2\.1' is not an address of this machine"):
        ports.require_free("192.0.2.1", ports.free_port(), variable="PORT", purpose="the portal")


@pytest.mark.parametrize(
    ("host", "browser", "local"),
    [
        ("127.0.0.1", "127.0.0.1", "127.0.0.1"),
        ("::1", "[::1]", "[::1]"),
        ("portal.example", "portal.example", "portal.example"),
        ("0.0.0.0", socket.gethostname(), "127.0.0.1"),
    ],
)
def test_hosts_are_written_as_addresses_need_them(host, browser, local):
    assert ports.browser_host(host) == browser
    assert ports.local_host(host) == local


def test_nothing_answers_on_a_port_nobody_listens_on():
    assert not ports.answers("127.0.0.1", ports.free_port(), "/")
