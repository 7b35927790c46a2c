"""Local addresses: which ports are free, and whether something answers there."""

import errno
import http.client
import ipaddress
import socket

from portal.demo.errors import DemoError


def free_port(host: str = "127.0.0.1") -> int:
    """A port nobody listens on at this moment."""
    with _listening_socket(host, 0) as listener:
        return int(listener.getsockname()[1])


def require_free(host: str, port: int, *, variable: str, purpose: str) -> None:
    """Make sure that a process started next can listen on `port`.

    Raises:
        DemoError: it is taken, or `host` is not an address of this machine.
    """
    try:
        _listening_socket(host, port).close()
    except PermissionError as exc:
        raise DemoError(
            f"Port {port} ({purpose}) needs root. Use one above 1023: make run {variable}=8000"
        ) from exc
    except OSError as exc:
        if isinstance(exc, socket.gaierror) or exc.errno == errno.EADDRNOTAVAIL:
            raise DemoError(
                f"{host!r} is not an address of this machine. Try: make run HOST=127.0.0.1"
            ) from exc
        raise DemoError(
            f"Port {port} ({purpose}) is taken. Start elsewhere: make run {variable}={free_port()}"
        ) from exc


def browser_host(host: str) -> str:
    """The name a browser uses for what listens on `host`; the machine's own for "all addresses"."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return socket.gethostname()
    return f"[{host}]" if address.version == 6 else host


def local_host(host: str) -> str:
    """Where this machine itself reaches what listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host) or browser_host(host)


def answers(host: str, port: int, path: str) -> bool:
    """Whether an HTTP server there answers a GET of `path` with success, within a second."""
    connection = http.client.HTTPConnection(host.strip("[]"), port, timeout=1)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 400
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _listening_socket(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1)
    except OSError:
        listener.close()
        raise
    return listener
