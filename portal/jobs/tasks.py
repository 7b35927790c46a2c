"""Background reads of Jobs: one task per server, so that a slow one holds up no other."""

from datetime import timedelta
from typing import Final

import redis
import structlog
from celery import shared_task
from django.conf import settings
from django.utils import timezone

import comet
from portal.core.encryption import SecretUnreadable
from portal.core.locks import held_while_alive
from portal.core.states import State
from portal.jobs import messages
from portal.jobs.apply import mark_interrupted
from portal.jobs.fetch import fetch_unfinished, look_at, reconcile
from portal.jobs.models import Job
from portal.operations.models import OperationItem
from portal.servers import clients
from portal.servers.models import CometServer
from portal.servers.selectors import list_syncable_servers

log = structlog.get_logger(__name__)

WATCH_KEY: Final = "perihelion:watch:{}"
"""Set with a server's id while somebody looks at its running Jobs."""

NO_SIGN_OF_LIFE: Final = timedelta(hours=1)
"""A running Job of a Device that is offline and has not moved this long counts as interrupted."""

POLL_SECONDS: Final = 3


@shared_task(soft_time_limit=10, time_limit=20)  # seconds
def poll_progress() -> None:
    """Queue a poll of each server whose running Jobs somebody looks at or an Operation waits for."""
    wanted = set(
        OperationItem.objects.filter(
            state=OperationItem.State.FOLLOWING, follow_server__unlinking_at=None
        ).values_list("follow_server_id", flat=True)
    )
    running = set(
        Job.objects.filter(ended_at=None, server__unlinking_at=None)
        .values_list("server_id", flat=True)
        .distinct()
    )
    wanted |= running & _watched(running)
    for server_id in sorted(wanted - {None}):
        poll_server_progress.apply_async([server_id], expires=POLL_SECONDS)


def _watched(server_ids: set[int]) -> set[int]:
    """Those of the servers that somebody looks at; none while Redis is away."""
    ordered = sorted(server_ids)
    if not ordered:
        return set()
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2) as connection:
            marks = connection.mget([WATCH_KEY.format(server_id) for server_id in ordered])
    except redis.RedisError as error:
        log.warning("jobs.watch_keys_unreadable", error=str(error))
        return set()
    return {server_id for server_id, mark in zip(ordered, marks, strict=True) if mark is not None}


@shared_task(soft_time_limit=25, time_limit=30)  # seconds
def poll_server_progress(server_id: int) -> None:
    """Read the progress of one server's unfinished Jobs. Does nothing while another poll runs."""
    with held_while_alive(f"poll-progress:{server_id}") as mine:
        server = CometServer.objects.filter(pk=server_id, unlinking_at=None).first()
        if not mine or server is None:
            return
        try:
            client = clients.for_server(server, purpose="poll")
            unfinished = fetch_unfinished(server, client)
            followed = OperationItem.objects.filter(
                state=OperationItem.State.FOLLOWING, follow_server=server
            ).values_list("follow_guid", flat=True)
            look_at(server, client, [guid for guid in followed if guid and guid not in unfinished][:20])
        except (comet.CometError, SecretUnreadable, LookupError) as error:
            log.warning("jobs.poll_failed", server_id=server_id, error=str(error))


@shared_task(soft_time_limit=60, time_limit=90)  # seconds
def reconcile_unfinished() -> None:
    """Queue, for each server, what brings its Jobs here to where they are there."""
    for server in list_syncable_servers():
        reconcile_server.delay(server.pk)


@shared_task(soft_time_limit=120, time_limit=150)  # seconds
def reconcile_server(server_id: int) -> None:
    """End what has ended unseen, and say of what gives no sign of life that it is interrupted."""
    server = CometServer.objects.filter(pk=server_id, unlinking_at=None).first()
    if server is None:
        return
    try:
        reconcile(server, clients.for_server(server))
    except (comet.CometError, SecretUnreadable, LookupError) as error:
        log.warning("jobs.reconcile_failed", server_id=server_id, error=str(error))
        return
    before = timezone.now() - NO_SIGN_OF_LIFE
    silent = Job.objects.filter(
        server=server, state=State.RUNNING, ended_at=None, started_at__lt=before, device__connections=0
    ).exclude(progress_at__gte=before)
    mark_interrupted(server, list(silent.values_list("pk", flat=True)))


@shared_task(soft_time_limit=120, time_limit=150)  # seconds
def fetch_server_messages(server_id: int) -> None:
    """Read why the newest bad Jobs of one server went wrong."""
    server = CometServer.objects.filter(pk=server_id, unlinking_at=None).first()
    if server is None:
        return
    try:
        messages.fetch_messages(server, clients.for_server(server))
    except (comet.CometError, SecretUnreadable, LookupError) as error:
        log.warning("jobs.messages_failed", server_id=server_id, error=str(error))


@shared_task(soft_time_limit=30, time_limit=60)  # seconds
def fetch_messages() -> None:
    """Queue reading the causes of bad Jobs that have none, for the servers that have such."""
    since = timezone.now() - messages.NOT_OLDER_THAN
    servers = Job.objects.filter(
        state__in=[State.FAILED, State.WARNING], message="", started_at__gte=since, server__unlinking_at=None
    ).values_list("server_id", flat=True)
    for server_id in sorted(set(servers.distinct())):
        fetch_server_messages.apply_async([server_id], queue="bulk")
