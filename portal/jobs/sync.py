"""Full syncs of Comet Servers, and the smaller ones that close a gap in the event stream."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.utils import timezone

import comet
from portal.fleet import sync as fleet
from portal.fleet.records import ProfileRecord
from portal.jobs.fetch import (
    HISTORY,
    LATE,
    MARGIN,
    Window,
    apply_raw_jobs,
    fetch_window,
    reconcile,
    windows_back,
)
from portal.jobs.item_results import refresh_items
from portal.operations.errors import ItemFailed
from portal.operations.models import OperationItem
from portal.operations.progress import Progress
from portal.operations.registry import Done, operation
from portal.servers import clients
from portal.servers.bookkeeping import apply_organizations, note_version, publish_server
from portal.servers.errors import explain
from portal.servers.models import CometServer

CLAIM_TIME: Final = timedelta(minutes=5)
"""Longer than the longest call a sync makes (`clients.BUDGETS`)."""


@operation("server.sync", permission="server:sync", repeatable=True, queue="bulk", claim_time=CLAIM_TIME)
def sync_server(item: OperationItem, progress: Progress) -> Done:
    """Bring everything one Comet Server holds into the database: the item's target.

    Progress counts User Profiles, and days of Jobs as many profiles each. Days that are done are
    remembered in the item's result; digests make reading the profiles again cheap. So a sync that
    was interrupted goes on where it was.

    The server's `last_full_sync_at` is when the sync began: what happened while it read, it may have
    missed, and a gap in the event stream is closed from there.

    Raises:
        ItemFailed: the server is not linked any more, or answered what no retry mends.
        comet.CometError: the server did not answer; the engine tries again.
    """
    server = CometServer.objects.filter(pk=item.target_id, unlinking_at=None).first()
    if server is None:
        raise ItemFailed("This Comet Server is not linked any more.")
    began_at = timezone.now()
    try:
        done = _FullSync(server, item, progress).run()
    except comet.CometError as error:
        note_failure(server, error)
        if isinstance(error, comet.ConnectionFailed | comet.ServerError | comet.RateLimited):
            raise
        raise ItemFailed(explain(server.name, error)) from error
    CometServer.objects.filter(pk=server.pk).update(last_full_sync_at=began_at, last_sync_error="")
    publish_server(server)
    return done


def note_failure(server: CometServer, error: comet.CometError) -> None:
    """Keep why the latest sync of a server failed, to be shown with it."""
    CometServer.objects.filter(pk=server.pk).update(last_sync_error=explain(server.name, error)[:500])
    publish_server(server)


class _FullSync:
    """One run over one server."""

    def __init__(self, server: CometServer, item: OperationItem, progress: Progress) -> None:
        self.server = server
        self.client = clients.for_server(server, purpose="bulk")
        self.item = item
        self.progress = progress
        self.total = 0
        self.jobs = 0

    def run(self) -> Done:
        self.progress.report(text="Asking for version and organizations")
        note_version(self.server, self.client.admin_meta_version())
        apply_organizations(self.server, self.client.admin_organization_list())
        fleet.sync_policies(self.server, self.client)
        profiles = fleet.sync_profiles(
            self.server, self.client, report=self._profiles_done, on_changed=self._last_jobs
        )
        fleet.sync_connections(self.server, self.client)
        self._all_windows(profiles.profiles)
        self.progress.report(text="Comparing unfinished Jobs")
        reconcile(self.server, self.client)
        refresh_items(self.server)
        text = f"{profiles.profiles:,} User Profiles ({profiles.changed:,} changed), {self.jobs:,} Jobs"
        if profiles.unreadable:
            text += f"; not readable: {', '.join(profiles.unreadable[:5])}"
        return Done(
            {"profiles": profiles.profiles, "changed": profiles.changed, "jobs": self.jobs}, text[:255]
        )

    def _profiles_done(self, done: int, total: int) -> None:
        days = HISTORY.days
        self.total = total + days * _day_weight(total)
        self.progress.report(done=done, total=self.total, text=f"User Profiles: {done:,} of {total:,}")

    def _last_jobs(self, records: Sequence[ProfileRecord]) -> None:
        """A profile holds each item's latest backup, which may be older than the days that are read."""
        raws = [
            item.statistics.last_backup_job
            for record in records
            for item in (record.sources or {}).values()
            if item.statistics is not None
        ]
        apply_raw_jobs(self.server, iter(raws), bulk=True)

    def _all_windows(self, profiles: int) -> None:
        """Days already read by an earlier attempt are passed over, except the newest."""
        result: dict[str, Any] = self.item.result
        until = datetime.fromtimestamp(int(result.get("until", timezone.now().timestamp())), UTC)
        finished = int(result.get("days", 0))
        weight = _day_weight(profiles)
        for number, window in enumerate(windows_back(until, until - HISTORY)):
            if number == 0:
                window = Window(window.start, max(until, timezone.now()) + MARGIN)
            elif number < finished:
                continue
            self._one_window(window, profiles + number * weight)
            if number == 0:
                refresh_items(self.server)
            finished = max(finished, number + 1)
            self._remember(until, finished)
            self.progress.report(done=profiles + (number + 1) * weight)

    def _one_window(self, window: Window, done_before: int) -> None:
        day = f"{window.start:%-d %b}"
        self.progress.report(done=done_before, text=f"Jobs of {day}")
        before = self.jobs

        def report(done: int) -> None:
            self.jobs = before + done
            self.progress.report(text=f"Jobs of {day}: {done:,}")

        fetch_window(self.server, self.client, window, bulk=True, report=report)

    def _remember(self, until: datetime, days: int) -> None:
        self.item.result = {"until": int(until.timestamp()), "days": days}
        OperationItem.objects.filter(pk=self.item.pk, claim_token=self.item.claim_token).update(
            result=self.item.result
        )


def _day_weight(profiles: int) -> int:
    """How many profiles a day of Jobs counts as, so that both halves of the bar take about as long."""
    return max(1, profiles // HISTORY.days)


@dataclass(slots=True)
class Remedied:
    """What a remedial sync found otherwise than it was known."""

    jobs: int = 0
    user_profiles: int = 0
    devices: int = 0
    """That came online or went."""


def remedial_sync(server: CometServer, since: datetime | None) -> Remedied:
    """Close a gap: everything that may have changed since `since`, at most 30 days back.

    Profiles by digest, Jobs by their window and those unfinished, connections. Facts are published
    as for events. None as `since` means that nothing is known; that is for a full sync.

    Raises:
        comet.CometError: the server did not answer; what was applied until then is right.
    """
    client = clients.for_server(server, purpose="bulk")
    now = timezone.now()
    found = Remedied()
    try:
        note_version(server, client.admin_meta_version())
        found.jobs += reconcile(server, client)
        start = max(since or now - HISTORY, now - HISTORY) - LATE
        for window in windows_back(now + MARGIN, start):
            applied = fetch_window(server, client, window, bulk=False)
            found.jobs += applied.added + applied.changed
        found.devices = fleet.sync_connections(server, client)
        profiles = fleet.sync_profiles(server, client)
        found.user_profiles = profiles.changed + profiles.removed
    except comet.CometError as error:
        note_failure(server, error)
        raise
    CometServer.objects.filter(pk=server.pk).update(last_sync_error="", last_read_at=now)
    return found
