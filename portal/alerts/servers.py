"""Alerts of Comet Servers: the event stream is down, or it is off by choice, and what is shown grows old."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from portal.alerts.causes import Cause
from portal.alerts.models import Alert
from portal.alerts.rules import RuleBook
from portal.alerts.turns import Standing, Turned, turn
from portal.core.templatetags.portal_tags import largest_unit
from portal.servers.models import SERVER_ITSELF, UNHEARD_AFTER, CometServer, Placement


def evaluate_servers() -> Turned:
    """Bring the alerts of all servers to where they stand. Few rows; writes where something turns."""
    rules, now = RuleBook(), timezone.now()
    standings = dict(_standings(rules, now))
    alerts = Alert.objects.filter(kind=Alert.Kind.SERVER)
    open_ids = set(alerts.filter(is_open=True).values_list("server", flat=True))
    turning = [
        server_id
        for server_id, standing in standings.items()
        if standing.is_known and bool(standing.cause) != (server_id in open_ids)
    ]
    if not turning:
        return Turned()
    with transaction.atomic():
        known = set(alerts.filter(server__in=turning).values_list("server", flat=True))
        Alert.objects.bulk_create(
            (
                Alert(
                    kind=Alert.Kind.SERVER,
                    server_id=server_id,
                    placement_id=standings[server_id].placement_id,
                    label=standings[server_id].label,
                    cause=Cause.STALE,
                    opened_at=now,
                )
                for server_id in turning
                if server_id not in known
            ),
            ignore_conflicts=True,
        )
        locked = list(alerts.select_for_update().filter(server__in=turning).order_by("pk"))
        fresh = dict(_standings(rules, now, turning))
        return turn((alert, fresh[alert.server_id]) for alert in locked if alert.server_id in fresh)


def _standings(
    rules: RuleBook, now: datetime, server_ids: Iterable[int] | None = None
) -> Iterable[tuple[int, Standing]]:
    servers = CometServer.objects.filter(unlinking_at=None).select_related("tenant")
    if server_ids is not None:
        servers = servers.filter(pk__in=list(server_ids))
    placements = dict(
        Placement.objects.filter(organization_id=SERVER_ITSELF, username="").values_list("server", "pk")
    )
    for server in servers.defer("password", "session_key"):
        if server.pk in placements:
            yield server.pk, _standing_of(server, placements[server.pk], rules, now)


def _standing_of(server: CometServer, placement_id: int, rules: RuleBook, now: datetime) -> Standing:
    told = (placement_id, server.tenant_id, server.name)
    if server.is_live:
        return Standing(*told)
    silence = now - server.quiet_since
    patience = timedelta(minutes=rules.of(server.tenant.path).stale_minutes)
    age = largest_unit(silence.total_seconds())
    if server.is_by_webhook:
        if silence <= max(patience, UNHEARD_AFTER):
            return Standing(*told)
        message = server.last_sync_error or "It could not be read"
        return Standing(*told, cause=Cause.STALE, message=f"Nothing posted for {age}. {message}")
    if silence <= patience:
        return Standing(*told, is_known=False)
    message = server.stream_error or f"No event stream, and nothing heard for {age}"
    return Standing(*told, cause=Cause.STALE, message=message)
