"""Hands out clients of linked Comet Servers: one pooled client per server, credential and process."""

import os
import threading
from typing import Any, Final

from django.conf import settings

import comet
from portal.core.addresses import WatchingGuard, address_guard
from portal.core.metrics import count, observe
from portal.servers.models import CometServer

BUDGETS: Final[dict[str, dict[str, Any]]] = {
    "link": {"timeout": 15.0, "connect_timeout": 5.0, "read_timeout": 10.0},
    "link_blind": {"timeout": 6.0, "connect_timeout": 5.0, "read_timeout": 5.0},
    "web": {"timeout": 8.0, "connect_timeout": 3.0, "read_timeout": 6.0},
    "poll": {"timeout": 15.0, "connect_timeout": 3.0, "read_timeout": 10.0},
    "default": {"timeout": 30.0, "connect_timeout": 5.0, "read_timeout": 20.0},
    "bulk": {"timeout": 240.0, "connect_timeout": 10.0, "read_timeout": 60.0},
}
"""Seconds a call may take, by what it is for. `web` is what a page waits at most."""

MAX_BODY_BYTES: Final = 512 * 1024 * 1024
POOL_SIZE: Final = 8

_clients: dict[int, tuple[tuple[object, ...], comet.CometClient]] = {}
_lock = threading.Lock()


def for_server(server: CometServer, *, purpose: str = "default") -> comet.CometClient:
    """The client of one Comet Server, with the budget of `purpose` (a key of `BUDGETS`).

    A password is spent on a session key, which makes all calls and is renewed when it runs out; the
    key stays in this process's memory. A changed address or credential gives a new client.

    Raises:
        portal.core.encryption.SecretUnreadable: the stored credential's key is not configured.
    """
    version = (os.getpid(), server.api_url, server.admin_username, server.credential_changed_at)
    with _lock:
        held = _clients.get(server.pk)
        if held is None or held[0] != version:
            held = (version, new_client(server.api_url, credential_of(server), use_session=True))
            _clients[server.pk] = held
    return held[1].with_limits(**BUDGETS[purpose])


def forget(server: CometServer) -> None:
    """Close this process's client of a server; the next one is made anew."""
    with _lock:
        held = _clients.pop(server.pk, None)
    if held is not None:
        held[1].close()


def new_client(
    url: str,
    credential: comet.Credential | None,
    *,
    host: str | None = None,
    purpose: str = "default",
    use_session: bool = False,
    guard: WatchingGuard | None = None,
) -> comet.CometClient:
    """A client that nobody shares; the caller closes it. Contacts allowed addresses only.

    `host` is the host name of an organization, for who exists there only. A `guard` of the caller's
    notes where it connects.
    """
    return comet.CometClient(
        url,
        credential,
        host=host,
        use_session=use_session,
        address_guard=guard or address_guard(),
        ca_file=settings.COMET_CA_FILE,
        on_call=_measure,
        max_body_bytes=MAX_BODY_BYTES,
        pool_size=POOL_SIZE,
        **BUDGETS[purpose],
    )


def _measure(method: str, seconds: float, outcome: str, received_bytes: int) -> None:
    observe("comet_call_seconds", seconds, method=method)
    count("comet_calls", method=method, outcome=outcome)
    count("comet_call_bytes", received_bytes)


def credential_of(server: CometServer) -> comet.Credential:
    """The server's stored credential, opened.

    Raises:
        portal.core.encryption.SecretUnreadable: its key is not configured.
        LookupError: none is stored.
    """
    if server.credential_kind == CometServer.CredentialKind.SESSION_KEY and server.session_key:
        return comet.SessionKey(server.admin_username, server.session_key.reveal())
    if server.password is None:
        raise LookupError(f"{server} has no stored credential.")
    return comet.Password(server.admin_username, server.password.reveal())


def live_connection_id(client: comet.CometClient, username: str, device_id: str) -> str | None:
    """The newest live connection (TargetID) of a Device, or None while it is offline.

    A connection, not a device: look it up immediately before each use.
    """
    connections = client.admin_dispatcher_list_active(user_name_filter=username)
    mine = [
        (connection.connection_time, guid)
        for guid, connection in connections.items()
        if connection.username == username and connection.device_id == device_id
    ]
    return max(mine)[1] if mine else None
