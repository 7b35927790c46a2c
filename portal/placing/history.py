"""Brings what is mirrored of one User Profile to its placement: the profile at once, its history after it.

Safe to repeat and to break off anywhere: each chunk is what is not yet where the profile is, moved in
one transaction together with its roll-ups. What Comet reports meanwhile is written where it belongs,
since that follows the profile, which moved first.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from django.db import transaction
from django.db.models import Q

from portal.alerts.models import Alert
from portal.core.chunks import chunked
from portal.core.events import Fact, publish_all
from portal.core.pacing import Pacer
from portal.fleet.models import Device, ProtectedItem, StorageVault, UserProfile
from portal.jobs.changes import tally_of
from portal.jobs.merge import COLUMNS, JobRow
from portal.jobs.models import Job
from portal.jobs.rollups import Deltas
from portal.live.counts import move_counts
from portal.live.kinds import types_in
from portal.live.models import Event
from portal.operations import services as operations
from portal.operations.errors import ItemFailed
from portal.operations.models import Operation, OperationItem
from portal.operations.progress import Progress
from portal.operations.registry import Done, operation
from portal.servers.models import CometServer, Placement
from portal.servers.placements import lock_server, note_jobs_moved

CHUNK: Final = 500

KIND: Final = "placement.history"


def move_profile(profile: UserProfile, placement: Placement) -> None:
    """Point a User Profile and what it holds now at `placement`.

    The caller has a transaction open and the server's rows locked.
    """
    UserProfile.objects.filter(pk=profile.pk).update(placement=placement)
    for model in (Device, ProtectedItem, StorageVault, Alert):
        model.objects.filter(profile=profile).update(placement=placement)
    profile.placement = placement
    note_jobs_moved(profile.server_id)
    publish_all(
        Fact("device.changed", placement.tenant_id, {"device": pk, "server": profile.server_id})
        for pk in Device.objects.filter(profile=profile).values_list("pk", flat=True)[:CHUNK]
    )


def move_latest(profile: UserProfile) -> bool:
    """Move the latest of its Jobs and events, in the caller's transaction; True where there are more."""
    jobs, events = _jobs_elsewhere(profile, CHUNK + 1), _events_elsewhere(profile, CHUNK + 1)
    _move_jobs(profile, jobs[:CHUNK])
    _move_events(profile, events[:CHUNK])
    if len(jobs) > CHUNK or len(events) > CHUNK:
        return True
    _drop_released(profile)
    return False


def start(profile: UserProfile, server: CometServer) -> Operation:
    """Move the rest by an Operation of the portal itself: who placed the profile may lose his role."""
    target = operations.Target("user", profile.pk, profile.username, server.tenant_id, server.name)
    return operations.start(
        KIND,
        title=f"Move the history of {profile.username}",
        tenant_id=server.tenant_id,
        user=None,
        targets=[target],
    )


@operation(KIND, permission="tenant:manage", repeatable=True, queue="bulk")
def move_history(item: OperationItem, progress: Progress) -> Done:
    """Move Jobs and events of one User Profile to where it is placed, the latest first.

    Raises:
        ItemFailed: the User Profile is gone from its server; its history stays where it is.
    """
    profile = UserProfile.objects.filter(pk=item.target_id).first()
    if profile is None:
        raise ItemFailed(f"{item.label} is not on its Comet Server any more. Its history stays where it is.")
    done = item.progress_done
    for moved, left in _moves(profile.pk):
        done += moved
        progress.report(done=done, total=done + left, text="Moving jobs and events")
    progress.report(done=done, total=done)
    return Done(text=f"{done:,} jobs and events moved")


def _moves(profile_id: int) -> Iterator[tuple[int, int]]:
    """Moves chunk by chunk until nothing is elsewhere; yields how many moved, and about how many are left."""
    pacer = Pacer()
    parts: tuple[tuple[Callable[..., list[int]], Callable[[UserProfile, list[int]], None]], ...] = (
        (_jobs_elsewhere, _move_jobs),
        (_events_elsewhere, _move_events),
    )
    while True:
        profile = UserProfile.objects.get(pk=profile_id)
        found = [(list(find(profile)), move) for find, move in parts]
        left = sum(len(ids) for ids, _ in found)
        if not left:
            break
        for ids, move in found:
            for chunk in chunked(ids, CHUNK):
                with pacer, transaction.atomic():
                    lock_server(profile.server)
                    move(UserProfile.objects.get(pk=profile_id), chunk)
                left -= len(chunk)
                yield len(chunk), left
    with pacer, transaction.atomic():
        lock_server(profile.server)
        _drop_released(UserProfile.objects.get(pk=profile_id))
    pacer.rest()


def _jobs_elsewhere(profile: UserProfile, limit: int | None = None) -> list[int]:
    """Jobs of the profile, or of a placement of its own that it left, that are not where it is now."""
    jobs = Job.objects.filter(Q(profile=profile) | Q(placement__in=_left(profile)))
    found = jobs.exclude(placement=profile.placement_id).order_by("-started_at", "-pk")
    return list(found.values_list("pk", flat=True)[:limit])


def _events_elsewhere(profile: UserProfile, limit: int | None = None) -> list[int]:
    """Events that speak of the profile, its Devices or Jobs, and are not where it is now."""
    here = Event.objects.exclude(placement=profile.placement_id)
    spoken_of = [
        here.filter(device__profile=profile),
        here.filter(job__profile=profile),
        here.filter(placement__in=_left(profile)),
        here.filter(
            placement__in=Placement.objects.filter(
                server=profile.server_id, organization_id=profile.organization_id, username=""
            ),
            data__Username=profile.username,
        ).exclude(type__in=types_in("admin")),
    ]
    found: set[int] = set()
    for events in spoken_of:
        found.update(events.order_by("-pk").values_list("pk", flat=True)[:limit])
    return sorted(found, reverse=True)[:limit]


def _move_jobs(profile: UserProfile, ids: list[int]) -> None:
    jobs = Job.objects.filter(pk__in=ids).exclude(placement=profile.placement_id)
    deltas = Deltas()
    for columns in jobs.values_list(*COLUMNS):
        row = JobRow(*columns)
        before = tally_of(row)
        row.placement_id = profile.placement_id
        deltas.replace(before, tally_of(row))
    deltas.write()
    if jobs.update(placement=profile.placement_id):
        note_jobs_moved(profile.server_id)


def _move_events(profile: UserProfile, ids: list[int]) -> None:
    events = Event.objects.filter(pk__in=ids)
    move_counts(events, profile.placement_id)
    events.update(placement=profile.placement_id)


def _left(profile: UserProfile) -> Any:
    """Placements of this very user that he left."""
    return Placement.objects.filter(
        server=profile.server_id, username=profile.username, is_released=True
    ).exclude(pk=profile.placement_id)


def _drop_released(profile: UserProfile) -> None:
    """Delete placements that the user left and nothing points at any more."""
    for placement in _left(profile):
        rows = (
            placement.user_profiles,
            placement.devices,
            placement.protected_items,
            placement.storage_vaults,
        )
        if not any(held.exists() for held in (*rows, placement.jobs, placement.events)):
            placement.delete()
