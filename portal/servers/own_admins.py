"""The administrators the portal has made on a Comet Server, and how they go when it is unlinked."""

import re
from contextlib import suppress
from typing import Any, Final

import comet
from portal.audit import services as audit
from portal.core.encryption import SecretUnreadable
from portal.servers import clients
from portal.servers.models import CometServer

_MADE: Final = re.compile(r"perihelion-[0-9a-f]{8}")


def list_own_admins(server: CometServer) -> list[str]:
    """Names of those the portal made: for sign-ins at organizations, and last the one it signs in as."""
    organizations = server.organizations.exclude(admin_username="").order_by("admin_username")
    names = list(organizations.values_list("admin_username", flat=True))
    return [*names, *([server.admin_username] if _MADE.fullmatch(server.admin_username) else [])]


def remove_own_admins(server: CometServer, *, actor: Any) -> list[str]:
    """Delete them on the server, as well as that goes; gives the names of those that may still be there.

    Nobody can delete the one he signs in as, so the portal's own stays. Each deletion is in the audit. A
    server that does not answer is left alone after the first call.
    """
    names = list_own_admins(server)
    if not names:
        return []
    try:
        client = clients.for_server(server, purpose="web")
        for name in names:
            if name != server.admin_username:
                _remove(client, server, name, actor=actor)
        there = {admin.username for admin in client.admin_admin_user_list()}
    except (comet.CometError, SecretUnreadable, LookupError):
        return names
    return [name for name in names if name in there]


def _remove(client: comet.CometClient, server: CometServer, name: str, *, actor: Any) -> None:
    """Delete one administrator; what the server refuses is told by its list afterwards."""
    with (
        suppress(comet.APIError),
        audit.record(
            "server.admin.remove",
            actor=actor,
            tenant_id=server.tenant_id,
            target=server,
            details={"username": name},
            refusals=(comet.APIError,),
        ),
    ):
        client.admin_admin_user_delete(target_user=name)
