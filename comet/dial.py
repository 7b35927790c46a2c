"""Connections to exactly the address that was looked at, within a time budget that nothing stretches.

The budget is a deadline kept per thread: each read from the network waits at most until then, so that
a server which sends one byte now and then cannot hold a call longer than the whole call may take.
"""

import contextlib
import functools
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import certifi
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.poolmanager import PoolManager, ProxyManager

AddressGuard = Callable[[str, int], None]
"""Called with an IP address and a port before a connection; raises to forbid it."""


class GuardRefused(Exception):
    """The guard raised; its reason is the `__cause__`. Not an OSError, so that urllib3 lets it through."""


class _Budget(threading.local):
    deadline: float | None = None  # of time.monotonic()


_budget = _Budget()


@contextlib.contextmanager
def budget(seconds: float) -> Iterator[None]:
    """What this thread does inside ends after so many seconds; a budget inside another cannot outlast it."""
    outer = _budget.deadline
    deadline = time.monotonic() + seconds
    _budget.deadline = deadline if outer is None else min(outer, deadline)
    try:
        yield
    finally:
        _budget.deadline = outer


def _wait_at_most(sock: socket.socket) -> float | None:
    """Shortens a socket's timeout to what is left of the budget; gives the timeout to put back, if any.

    Raises:
        TimeoutError: nothing is left.
    """
    if _budget.deadline is None:
        return None
    left = _budget.deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the call took longer than it may")
    timeout = sock.gettimeout()
    if timeout is None or timeout <= left:
        return None
    sock.settimeout(left)
    return timeout


class _BudgetSocket(socket.socket):
    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        usual = _wait_at_most(self)
        try:
            return super().recv_into(*args, **kwargs)
        finally:
            if usual is not None:
                self.settimeout(usual)

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        usual = _wait_at_most(self)
        try:
            super().sendall(*args, **kwargs)
        finally:
            if usual is not None:
                self.settimeout(usual)


class _BudgetTLSSocket(ssl.SSLSocket):
    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        usual = _wait_at_most(self)
        try:
            return super().recv_into(*args, **kwargs)
        finally:
            if usual is not None:
                self.settimeout(usual)

    def send(self, *args: Any, **kwargs: Any) -> int:
        usual = _wait_at_most(self)
        try:
            return super().send(*args, **kwargs)
        finally:
            if usual is not None:
                self.settimeout(usual)


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """TLS 1.2 or newer, certificates always checked, by `ca_file` or certifi and never the environment."""
    path = ca_file or certifi.where()
    return _tls_context(path, os.stat(path).st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _tls_context(path: str, _changed: int) -> ssl.SSLContext:
    """One for each file, read again when it changed: reading costs more than a hundred calls."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=path)
    context.sslsocket_class = _BudgetTLSSocket
    return context


def resolve(host: str, port: int, guard: AddressGuard | None) -> list[tuple[socket.AddressFamily, Any]]:
    """The addresses of a host, in the order to try them, each allowed by the guard.

    Raises:
        socket.gaierror: the name has no address.
        GuardRefused: the guard forbids one of them; then none is used.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses: list[tuple[socket.AddressFamily, Any]] = [
        (family, address) for family, _, _, _, address in found
    ]
    if guard is not None:
        for _, address in addresses:
            try:
                guard(str(address[0]), int(address[1]))
            except Exception as reason:
                raise GuardRefused(str(reason)) from reason
    return addresses


def dial(host: str, port: int, timeout: float | None, guard: AddressGuard | None) -> socket.socket:
    """A socket connected to the first address of `host` that answers.

    Raises:
        socket.gaierror: the name has no address.
        GuardRefused: the guard forbids an address.
        OSError: no address answered; the error of the last one tried.
    """
    problem: OSError | None = None
    for family, address in resolve(host, port, guard):
        sock = _BudgetSocket(family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(timeout)
            _wait_at_most(sock)
            sock.connect(address)
            return sock
        except OSError as error:
            sock.close()
            problem = error
    raise problem or OSError(f"no address for {host}")


def pool_manager(
    guard: AddressGuard | None,
    context: ssl.SSLContext | None,
    size: int,
    *,
    proxy: str | None = None,
    proxy_headers: Mapping[str, str] | None = None,
) -> PoolManager:
    """Connection pools of urllib3 that dial as above, to the servers or to one proxy."""

    if proxy is None:
        manager = PoolManager(num_pools=1, maxsize=size, ssl_context=context)
    else:
        manager = ProxyManager(
            proxy,
            num_pools=1,
            maxsize=size,
            ssl_context=context,
            proxy_headers=proxy_headers,
            proxy_ssl_context=tls_context(None) if proxy.startswith("https") else None,
        )
    manager.pool_classes_by_scheme = _pool_classes(guard)
    return manager


@functools.lru_cache(maxsize=16)
def _pool_classes(guard: AddressGuard | None) -> dict[str, type[HTTPConnectionPool]]:
    """One set for each guard: the classes of a thousand clients would take 10 MB."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _connect(self, guard)

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _connect(self, guard)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _connect(connection: HTTPConnection, guard: AddressGuard | None) -> socket.socket:
    timeout = connection.timeout if isinstance(connection.timeout, int | float) else None
    try:
        return dial(connection.host, connection.port or connection.default_port, timeout, guard)
    except socket.gaierror as error:
        raise NameResolutionError(connection.host, connection, error) from error
    except UnicodeError as error:  # a name no resolver takes, such as one with an empty label
        raise NameResolutionError(connection.host, connection, socket.gaierror(str(error))) from error
    except TimeoutError as error:
        raise ConnectTimeoutError(connection, "connecting took too long") from error
    except OSError as error:
        raise NewConnectionError(connection, str(error)) from error
