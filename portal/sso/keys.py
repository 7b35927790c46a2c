"""Session keys of Comet Servers for one launch each: issued, and revoked again.

Issuing is the one thing a web request asks of a Comet Server in order to change something there, so
all its calls together have one budget.
"""

import secrets
import time
from dataclasses import dataclass
from typing import Any, Final

from django.core.cache import cache

import comet
from portal.audit import services as audit
from portal.servers import clients
from portal.servers.models import Organization
from portal.sso.doors import Door, host_of
from portal.sso.errors import LaunchRefused
from portal.sso.models import Launch

BUDGET_SECONDS: Final = 5.0
"""What issuing may take altogether, so that a click never hangs."""

REVOKE_SECONDS: Final = 10.0

OTHER_PAUSE_SECONDS: Final = 0.5
"""Between two looks whether the administrator somebody else is making exists."""


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A session key of its own, and the name it signs in."""

    username: str
    key: str

    def __repr__(self) -> str:
        return f"IssuedKey({self.username!r})"


class Budget:
    """Hands each call what is left of the seconds for all of them."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def limit(self, client: comet.CometClient) -> comet.CometClient:
        """`client` with what is left for its next call.

        Raises:
            LaunchRefused: nothing is left.
        """
        left = self._left()
        return client.with_limits(timeout=left, connect_timeout=min(3.0, left), read_timeout=left)

    def pause(self, seconds: float) -> None:
        """Wait, as far as that leaves something.

        Raises:
            LaunchRefused: nothing is left.
        """
        time.sleep(min(seconds, self._left()))

    def _left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise LaunchRefused(f"The Comet Server took longer than {BUDGET_SECONDS:.0f} s. Try again.")
        return left


def issue(door: Door, *, user: Any, ip: str | None) -> IssuedKey:
    """A new session key for one launch through `door`.

    Raises:
        LaunchRefused: the server says no, or does not answer within the budget.
    """
    budget = Budget(BUDGET_SECONDS)
    try:
        if door.kind == Launch.Kind.SERVER_ADMIN:
            return _for_server_admin(door, budget)
        if door.kind == Launch.Kind.TENANT_ADMIN:
            return _for_tenant_admin(door, budget, user=user, ip=ip)
        return _for_end_user(door, budget)
    except comet.SecondFactorRequired as error:
        raise LaunchRefused(
            f"{door.server} wants a second factor for the portal's sign-in. Let the portal use an"
            " administrator of its own there, without one."
        ) from error
    except comet.CometError as error:
        raise LaunchRefused(
            f"{door.server} gave no session: {error.message.rstrip('.')}."
            " Look at the server's page, then try again."
        ) from error


def revoke(launch: Launch) -> None:
    """End the launch's session key where it was issued. A key that is refused has ended already.

    Never at an address the server was moved to meanwhile: whoever answers there did not issue it.

    Raises:
        comet.CometError: the server did not answer, so the key may still be good.
    """
    if launch.session_key is None:
        return
    credential = comet.SessionKey(launch.comet_username, launch.session_key.reveal())
    with clients.new_client(launch.api_url, credential, host=host_of(launch.organization)) as client:
        limited = client.with_limits(timeout=REVOKE_SECONDS)
        try:
            if launch.kind == Launch.Kind.END_USER:
                limited.user_web_session_revoke()
            else:
                limited.admin_account_session_revoke()
        except comet.ServerError:
            raise
        except comet.APIError:
            return


def _for_server_admin(door: Door, budget: Budget) -> IssuedKey:
    server = door.server
    assert server.password is not None  # noqa: S101  (Door.require_open has seen to it)
    return _start_session(door, comet.Password(server.admin_username, server.password.reveal()), budget)


def _for_tenant_admin(door: Door, budget: Budget, *, user: Any, ip: str | None) -> IssuedKey:
    """By the organization's administrator, made first where there is none, once of several."""
    organization = door.organization
    assert organization is not None  # noqa: S101  (for the type checker)
    making = f"sso-admin:{organization.pk}"
    while True:
        if issued := _by_stored(door, organization, budget):
            return issued
        if cache.add(making, 1, timeout=2 * BUDGET_SECONDS):
            try:
                organization.refresh_from_db()  # who held the lock a moment ago has made one
                return _by_stored(door, organization, budget) or _start_session(
                    door, _make_admin(door, organization, budget, user=user, ip=ip), budget
                )
            finally:
                cache.delete(making)
        budget.pause(OTHER_PAUSE_SECONDS)
        organization.refresh_from_db()


def _by_stored(door: Door, organization: Organization, budget: Budget) -> IssuedKey | None:
    """By the administrator that is stored; None without one, and for one Comet does not let in (any more)."""
    if not organization.admin_username or organization.admin_password is None:
        return None
    credential = comet.Password(organization.admin_username, organization.admin_password.reveal())
    try:
        return _start_session(door, credential, budget)
    except comet.Forbidden:
        return None


def _make_admin(
    door: Door, organization: Organization, budget: Budget, *, user: Any, ip: str | None
) -> comet.Password:
    """An administrator of the organization for the portal's sign-ins, stored before it is made.

    One whose password was forgotten, since the server moved, is removed first.
    """
    client = clients.for_server(door.server)
    credential = comet.Password(f"perihelion-{secrets.token_hex(4)}", secrets.token_urlsafe(32))
    with audit.record(
        "sso.admin.make",
        actor=user,
        tenant_id=door.tenant_id,
        target=organization,
        ip=ip,
        details={"server": str(door.server), "username": credential.username},
        owner_tenant_id=door.server.tenant_id,
    ):
        if organization.admin_username and organization.admin_password is None:
            _remove_admin(budget.limit(client), organization)
        organization.admin_username = credential.username
        organization.admin_password = credential.password
        organization.save(update_fields=["admin_username", "admin_password"])
        budget.limit(client).admin_admin_user_new(
            target_user=credential.username,
            target_password=credential.password,
            target_org_id=organization.organization_id,
        )
    return credential


def _remove_admin(client: comet.CometClient, organization: Organization) -> None:
    try:
        client.admin_admin_user_delete(target_user=organization.admin_username)
    except comet.ServerError:
        raise
    except comet.APIError:  # it is gone already
        pass


def _for_end_user(door: Door, budget: Budget) -> IssuedKey:
    assert door.profile is not None  # noqa: S101  (for the type checker)
    client = budget.limit(clients.for_server(door.server))
    reply = client.admin_account_session_start_as_user(target_user=door.profile.username)
    return IssuedKey(door.profile.username, reply.session_key)


def _start_session(door: Door, credential: comet.Password, budget: Budget) -> IssuedKey:
    with clients.new_client(door.server.api_url, credential, host=door.host) as client:
        reply = budget.limit(client).admin_account_session_start()
    return IssuedKey(credential.username, reply.session_key)
