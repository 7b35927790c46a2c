"""Links, changes and unlinks Comet Servers."""

from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils import timezone

from portal.accounts.access import access_for
from portal.accounts.models import User
from portal.audit import services as audit
from portal.audit.changes import changes, snapshot
from portal.core.access import EVERYTHING
from portal.core.encryption import Secret, SecretUnreadable
from portal.core.key_state import require_right_keys
from portal.operations import services as operations
from portal.operations.models import Operation, OperationItem
from portal.servers.attempts import count_try
from portal.servers.bookkeeping import note_version, publish_server
from portal.servers.errors import LinkRefused
from portal.servers.linking import Credential, Proven, prove
from portal.servers.models import CometServer, Organization
from portal.servers.placements import ensure_placements
from portal.tenants.models import Tenant

__all__ = ["edit_server", "link_server", "note_version", "start_sync", "unlink_server"]


_CREDENTIAL: Final = (
    "admin_username",
    "credential_kind",
    "password",
    "session_key",
    "credential_changed_at",
)
_TOLD: Final = ("name", "api_url", "browser_url", "admin_username", "password", "session_key")
"""What the audit tells of a change, secrets only as changed."""


def link_server(
    *,
    tenant: Tenant,
    name: str,
    api_url: str,
    browser_url: str,
    username: str,
    password: str = "",
    totp_code: str = "",
    session_key: str = "",
    own_admin: bool = False,
    user: User | None,
    ip: str | None = None,
) -> CometServer:
    """Link a Comet Server to `tenant` once it has answered, and start its first full sync.

    Addresses are normalised ones. With `own_admin` an Operation makes the portal an administrator
    of its own and forgets the credential that was typed.

    Raises:
        LinkRefused: says at which field what is wrong. Nothing is stored then.
    """
    details = {"name": name, "api_url": api_url, "username": username}
    with audit.record(
        "server.link", actor=user, tenant_id=tenant.pk, ip=ip, details=details, refusals=(LinkRefused,)
    ) as action:
        _refuse_taken_name(tenant, name)
        _refuse_without_keys()
        count_try(user, tenant)
        credential = Credential(username, password, totp_code, session_key)
        proven = prove(api_url, credential, tells_all=_sees_the_network(user))
        _refuse_linked(proven, user)
        server = CometServer(
            tenant=tenant,
            name=name,
            api_url=api_url,
            browser_url=browser_url or api_url,
            admin_username=username,
            license_hash=proven.version.server_license_hash[:128],
        )
        _keep_credential(server, proven)
        try:
            with transaction.atomic():
                server.save()
                ensure_placements(server, ())
                note_version(server, proven.version)
                if own_admin:
                    _start(
                        "server.own_admin", f"Give {name} an administrator for the portal", server, user, ip
                    )
                start_sync(server=server, user=user, ip=ip)
        except IntegrityError as error:  # another person linked it, or took the name, a moment ago
            _refuse_linked(proven, user)
            raise LinkRefused("name", "A server of this name was linked a moment ago.") from error
        action.target = server
    return server


def edit_server(
    *,
    server: CometServer,
    name: str,
    api_url: str,
    browser_url: str,
    credential: Credential | None,
    own_admin: bool = False,
    user: User | None,
    ip: str | None = None,
) -> None:
    """Rename a server, change its addresses, or give it a new credential (None keeps the stored one).

    A changed address or credential is tried first, and must lead to the same Comet Server. What is stored
    goes to no other address, since whoever may type addresses could collect it there: the API address gets
    the portal's sign-in, the browser address the session keys of people. So a new address needs the
    credential typed again, and the passwords made for organizations are forgotten with the old one.

    Raises:
        LinkRefused: says at which field what is wrong. Nothing is changed then.
    """
    details = {
        "name": name,
        "api_url": api_url,
        "browser_url": browser_url,
        "new_credential": credential is not None,
    }
    with audit.record(
        "server.edit",
        actor=user,
        tenant_id=server.tenant_id,
        target=server,
        ip=ip,
        details=details,
        refusals=(LinkRefused,),
    ) as entry:
        before = snapshot(server, *_TOLD)
        if name != server.name:
            _refuse_taken_name(server.tenant, name)
        browser_url = browser_url or api_url
        has_moved = (api_url, browser_url) != (server.api_url, server.browser_url)
        if credential is None and has_moved:
            raise LinkRefused(
                "password",
                "The stored credential is not sent to another address, nor are sign-ins. Type the"
                " administrator's password again, or paste a session key.",
            )
        changed = ["name", "api_url", "browser_url"]
        if credential is not None:
            _refuse_without_keys()
            count_try(user, server.tenant)
            proven = prove(api_url, credential, tells_all=_sees_the_network(user))
            if proven.version.server_license_hash != server.license_hash:
                raise LinkRefused(
                    "api_url", "Another Comet Server answers there. Link it as a server of its own instead."
                )
            server.admin_username = credential.username
            _keep_credential(server, proven)
            changed += _CREDENTIAL
        forget_passwords = api_url != server.api_url
        server.name, server.api_url, server.browser_url = name, api_url, browser_url
        with transaction.atomic():
            if forget_passwords:  # whoever answers there now may only look like the server: make new ones
                Organization.objects.filter(server=server).update(admin_password=None)
            server.save(update_fields=changed)  # syncs and the relay write the others meanwhile
            publish_server(server)
            if own_admin and credential is not None:
                _start("server.own_admin", f"Give {name} an administrator for the portal", server, user, ip)
        entry.details = changes(before, snapshot(server, *_TOLD))


def unlink_server(*, server: CometServer, user: User | None, ip: str | None = None) -> Operation:
    """Forget a server and everything mirrored from it, by an Operation.

    At Comet nothing is changed but that the administrators the portal made there go, if it answers. From
    now on nothing else is asked of it.
    """
    with transaction.atomic():
        CometServer.objects.filter(pk=server.pk).update(unlinking_at=timezone.now())
        publish_server(server)
        return _start("server.unlink", f"Unlink {server.name}", server, user, ip)


def start_sync(*, server: CometServer, user: User | None, ip: str | None = None) -> Operation:
    """Start a full sync, or give the one that is under way."""
    with transaction.atomic():
        CometServer.objects.select_for_update(no_key=True).get(pk=server.pk)
        running = (
            OperationItem.objects.filter(
                operation__kind="server.sync",
                operation__state__in=Operation.ACTIVE,
                target_type="server",
                target_id=server.pk,
            )
            .select_related("operation")
            .first()
        )
        if running is not None:
            return running.operation
        return _start("server.sync", f"Sync {server.name}", server, user, ip)


def _refuse_taken_name(tenant: Tenant, name: str) -> None:
    if CometServer.objects.filter(tenant=tenant, name=name).exists():
        raise LinkRefused("name", "A server of this name is linked already. Choose another name.")


def _refuse_without_keys() -> None:
    """Say it before anything is asked: what could not be stored would be lost."""
    try:
        require_right_keys()
    except SecretUnreadable as problem:
        raise LinkRefused("password", f"No credential can be stored at the moment. {problem}") from problem


def _sees_the_network(user: User | None) -> bool:
    """Whether to tell what the portal meets on its way: to who links servers everywhere, no reseller."""
    return user is None or access_for(user).tenants_with("server:link") is EVERYTHING


def _refuse_linked(proven: Proven, user: User | None) -> None:
    """The same server by another address is told by its licence; it is named only to who may see it."""
    linked = CometServer.objects.filter(license_hash=proven.version.server_license_hash[:128]).first()
    if linked is None:
        return
    if user is not None and access_for(user).allows("server:view", tenant_id=linked.tenant_id):
        raise LinkRefused(
            "api_url", f"This Comet Server is linked already, as {linked.name} ({linked.api_url})."
        )
    raise LinkRefused(
        "api_url", "This Comet Server is linked already. Ask your provider to share it with you."
    )


def _keep_credential(server: CometServer, proven: Proven) -> None:
    server.credential_kind = proven.kind
    server.password = Secret.seal(proven.password) if proven.password is not None else None
    server.session_key = Secret.seal(proven.session_key) if proven.session_key is not None else None
    server.credential_changed_at = timezone.now()


def _start(kind: str, title: str, server: CometServer, user: Any, ip: str | None) -> Operation:
    target = operations.Target("server", server.pk, server.name, server.tenant_id)
    return operations.start(kind, title=title, tenant_id=server.tenant_id, user=user, targets=[target], ip=ip)
