"""The ways into Comet's web interface: as whom, on which server, at which address."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from portal.fleet.models import UserProfile
from portal.servers.models import CometServer, Organization
from portal.sso.errors import LaunchRefused
from portal.sso.models import Launch

PERMISSIONS: Final = {
    Launch.Kind.SERVER_ADMIN: "server:admin",
    Launch.Kind.TENANT_ADMIN: "sso:tenant",
    Launch.Kind.END_USER: "sso:user",
}
"""What each kind of sign-in needs, in the Tenant the door belongs to."""

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Door:
    """One way in, found for somebody who may take it."""

    kind: Launch.Kind
    tenant_id: int
    server: CometServer
    organization: Organization | None = None
    profile: UserProfile | None = None

    @property
    def who(self) -> str:
        """Whom Comet will take the person for."""
        if self.kind == Launch.Kind.SERVER_ADMIN:
            return self.server.admin_username
        if self.kind == Launch.Kind.TENANT_ADMIN:
            return f"an administrator of {self.organization}"
        return self.profile.username if self.profile else ""

    @property
    def browser_url(self) -> str:
        """Where the person's browser finds it."""
        return browser_address(self.server, self.organization)

    @property
    def origin(self) -> str:
        """The origin of that address as browsers write it."""
        return origin_of(self.browser_url)

    @property
    def host(self) -> str | None:
        """The Host header under which this sign-in exists; None at the top level."""
        return host_of(self.organization)

    def why_not_embedded(self, *, page_is_secure: bool) -> str:
        """Why it cannot be shown inside a page of the portal; '' where it can."""
        if page_is_secure and urlsplit(self.browser_url).scheme == "http":
            return (
                f"{self.origin} is reached by plain http, and browsers show no such page inside one that"
                " came by https. Open it in a window of its own, or give the server an https address."
            )
        return ""

    def require_open(self) -> None:
        """Refuse what cannot work.

        Raises:
            LaunchRefused: the credential cannot be used for it, or the organization is closed.
        """
        server, organization = self.server, self.organization
        if server.unlinking_at is not None:
            raise LaunchRefused(f"{server} is being unlinked, so nothing is opened there any more.")
        if self.kind == Launch.Kind.SERVER_ADMIN and server.password is None:
            raise LaunchRefused(
                f"The portal knows {server} by a session key alone, which it needs itself and never hands"
                " out. Store a password for it on the server's page, then open Comet from here."
            )
        if self.kind == Launch.Kind.TENANT_ADMIN:
            assert organization is not None  # noqa: S101  (for the type checker)
            if not organization.host:
                raise LaunchRefused(
                    f"{organization} has no host name on {server}, and its administrators exist at its own"
                    " host only. Give it one in Comet, then sync the server."
                )
        if organization is not None and organization.is_suspended:
            raise LaunchRefused(f"{organization} is suspended on {server}, so nobody can sign in there.")


def browser_address(server: CometServer, organization: Organization | None) -> str:
    """Where browsers reach an organization of a server, or its top level."""
    if organization is None or not (organization.browser_url or organization.host):
        return server.browser_url
    if organization.browser_url:
        return organization.browser_url
    parts = urlsplit(server.browser_url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{organization.host}{port}{parts.path}"


def host_of(organization: Organization | None) -> str | None:
    return (organization.host or None) if organization else None


def origin_of(url: str) -> str:
    """Scheme, host and port of an address, in the form of `MessageEvent.origin`."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if not host.isascii():
        host = host.encode("idna").decode()
    if ":" in host:
        host = f"[{host}]"
    port = "" if parts.port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"
