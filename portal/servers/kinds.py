"""The kinds of Operation that concern a linked server itself."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

import comet
from portal.core.encryption import Secret
from portal.core.events import publish
from portal.core.pacing import Pacer
from portal.operations.errors import ItemFailed
from portal.operations.models import OperationItem
from portal.operations.progress import Progress
from portal.operations.registry import Done, operation
from portal.servers import clients
from portal.servers.bookkeeping import publish_server
from portal.servers.errors import explain
from portal.servers.models import CometServer
from portal.servers.own_admins import remove_own_admins
from portal.servers.placements import lock_server, note_jobs_moved

_CHUNK = 500

before_unlink: Final[list[Callable[[CometServer, Any], list[str]]]] = []
"""What later rooms do while the server can still be asked, given who unlinks it; none of them raises. Each
gives what stays behind on the server because it could not be asked, as people find it there."""


@operation(
    "server.own_admin",
    permission="server:link",
    repeatable=False,
    check="Look in Comet at the administrators whose names begin with perihelion-, and give the server a"
    " credential again.",
)
def make_own_admin(item: OperationItem, progress: Progress) -> Done:
    """Make the portal an administrator of its own, use it from now on, and forget the one given before.

    Not repeatable: an answer that is lost may leave an administrator whose password nobody knows.

    Raises:
        ItemFailed: the server refused, or is gone; the credential given before stays.
    """
    server = CometServer.objects.filter(pk=item.target_id, unlinking_at=None).first()
    if server is None:
        raise ItemFailed("This Comet Server is not linked any more.")
    username, password = f"perihelion-{secrets.token_hex(4)}", secrets.token_urlsafe(32)
    sealed = Secret.seal(password)  # before there is an administrator whose password could not be kept
    try:
        clients.for_server(server).admin_admin_user_new(target_user=username, target_password=password)
        with clients.new_client(server.api_url, comet.Password(username, password)) as client:
            client.admin_account_properties()
    except comet.APIError as error:
        raise ItemFailed(
            f"{explain(server.name, error)} The portal keeps the credential that was typed."
        ) from error
    with transaction.atomic():
        CometServer.objects.filter(pk=server.pk).update(
            admin_username=username,
            credential_kind=CometServer.CredentialKind.PASSWORD,
            password=sealed,
            session_key=None,
            credential_changed_at=timezone.now(),
        )
        publish_server(server)
    return Done({"username": username}, f"The portal signs in as {username}.")


@operation("server.unlink", permission="server:link", repeatable=True, queue="bulk")
def unlink(item: OperationItem, progress: Progress) -> Done:
    """Delete everything mirrored from a server, in short transactions, and at last the server.

    What the portal made there goes as well, as far as the server can be asked.
    """
    server = CometServer.objects.filter(pk=item.target_id).first()
    if server is None:
        return Done(text="Unlinked.")
    actor = item.operation.started_by
    left = [name for prepare in before_unlink for name in prepare(server, actor)]
    left += remove_own_admins(server, actor=actor)
    parts: list[tuple[str, Any, int]] = [
        ("Events", server.events, _CHUNK),
        ("Jobs", server.jobs, _CHUNK),
        ("User Profiles", server.user_profiles, _CHUNK // 10),  # each takes what belongs to it along
    ]
    total = sum(rows.count() for _, rows, _ in parts) + 1
    done = 0
    for noun, rows, size in parts:
        for deleted in delete_in_chunks(server, rows, size):
            done += deleted
            progress.report(done=min(done, total - 1), total=total, text=f"Deleting {noun}")
    with transaction.atomic():
        lock_server(server)
        for _, rows, _ in parts:  # what an event still brought
            rows.all().delete()
        for placement in server.placements.all():
            placement.delete()
        publish("server.changed", tenant_id=server.tenant_id, server=server.pk)
        server.delete()
    progress.report(done=total, total=total)
    if left:
        return Done(
            {"left": left}, f"Unlinked. Delete in Comet by hand what the portal made: {', '.join(left)}."
        )
    return Done(text="Unlinked. Nothing that the portal made is left on the Comet Server.")


def delete_in_chunks(server: CometServer, rows: Any, size: int) -> Iterator[int]:
    """Delete all rows of a relation of `server`; yields how many went with each transaction."""
    pacer = Pacer()
    while ids := list(rows.order_by().values_list("pk", flat=True)[:size]):  # all go: in whatever order
        with pacer, transaction.atomic():
            lock_server(server)
            rows.filter(pk__in=ids).delete()
            note_jobs_moved(server.pk)
        yield len(ids)
    pacer.rest()
