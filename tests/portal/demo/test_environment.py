import stat

import pytest
import redis

from portal.demo import secrets
from portal.demo.environment import DemoEnvironment
from portal.demo.errors import DemoError


@pytest.fixture
def known(data):
    secrets.prepare(data)
    return secrets.load(data)


def test_it_listens_on_this_machine_alone_unless_told(data):
    environment = DemoEnvironment.from_os(data)
    assert (environment.host, environment.port) == ("127.0.0.1", 8000)
    assert environment.address == "http://127.0.0.1:8000"


@pytest.mark.parametrize("text", ["abc", "0", "65536", "-1", "8000 "])
def test_what_is_no_port_is_refused_by_name(data, monkeypatch, text):
    monkeypatch.setenv("COMET2_PORT", text)
    with pytest.raises(DemoError, match=rf"COMET2_PORT={text} is not a port number"):
        DemoEnvironment.from_os(data)


def test_one_port_for_two_things_is_refused(data, monkeypatch):
    monkeypatch.setenv("PORT", "8060")
    with pytest.raises(DemoError, match="must differ"):
        DemoEnvironment.from_os(data).require_free_ports()


def test_its_own_redis_is_closed_to_others(data, known):
    environment = DemoEnvironment.from_os(data)
    environ = environment.for_processes(known)
    assert environment.services() == ["redis", "comet1", "comet2"]
    assert environment.redis_password in environ["REDIS_URL"]
    config = data / "redis" / "redis.conf"
    assert f"requirepass {environment.redis_password}" in config.read_text()
    assert stat.S_IMODE(config.stat().st_mode) == 0o600


def test_a_given_redis_is_used_and_none_started(data, known, monkeypatch):
    monkeypatch.setenv("REDIS_URL", "redis://cache.example/3")
    environment = DemoEnvironment.from_os(data)
    assert environment.services() == ["comet1", "comet2"]
    assert environment.for_processes(known)["REDIS_URL"] == "redis://cache.example/3"


def test_only_the_emulated_servers_may_be_reached_on_this_machine(data, known, monkeypatch):
    environment = DemoEnvironment.from_os(data)
    assert (
        environment.for_processes(known)["ALLOWED_NETWORKS"]
        == "127.0.0.1/32:8000,127.0.0.1/32:8060,127.0.0.1/32:8061"
    )
    monkeypatch.setenv("ALLOWED_NETWORKS", "10.0.0.0/8")
    assert environment.for_processes(known)["ALLOWED_NETWORKS"].endswith(",10.0.0.0/8")


def test_passwords_of_the_emulated_servers_are_in_no_argument_and_no_variable(data, known):
    environ = DemoEnvironment.from_os(data).for_processes(known)
    assert not set(known.passwords.values()) & set(environ.values())
    flags = (data / "comet1" / "flags").read_text().splitlines()
    assert f"admin:{known.passwords['comet1-admin']}" in flags
    assert stat.S_IMODE((data / "comet1" / "flags").stat().st_mode) == 0o600


def test_the_tests_own_redis_asks_for_its_password(redis_url):
    address, _, _ = redis_url.rpartition("/")
    without_password = f"redis://{address.rpartition('@')[2]}/0"
    with redis.Redis.from_url(without_password) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
