"""What the list of alerts can be narrowed to, by its address."""

from typing import Any, Final

import django_filters
from django.db.models import QuerySet
from django.utils import timezone

from portal.alerts import selectors
from portal.alerts.causes import Cause
from portal.alerts.models import Alert
from portal.core.access import PortalRequest
from portal.core.lists import ListFilters, SearchFilter
from portal.servers.models import CometServer
from portal.tenants.models import Tenant

STATES: Final = [
    ("new", "Open, not acknowledged"),
    ("acknowledged", "Open, acknowledged"),
    ("snoozed", "Open, snoozed"),
    ("closed", "Closed"),
    ("all", "Open and closed"),
]


def _servers(request: PortalRequest) -> QuerySet[CometServer]:
    return selectors.list_servers(request.access)


def _tenants(request: PortalRequest) -> QuerySet[Tenant]:
    return selectors.list_tenants(request.access)


class AlertFilters(ListFilters):
    """Filters of the list of alerts; without a state it holds those that are open."""

    q = SearchFilter(method="search", placeholder="Device, vault, server or message")
    state = django_filters.ChoiceFilter(choices=STATES, method="in_state", empty_label="Open", label="State")
    cause = django_filters.ChoiceFilter(choices=Cause.choices, empty_label="Any cause", label="Cause")
    server = django_filters.ModelChoiceFilter(queryset=_servers, empty_label="Any server", label="Server")
    tenant = django_filters.ModelChoiceFilter(
        field_name="placement__tenant", queryset=_tenants, empty_label="Any tenant", label="Tenant"
    )

    class Meta:
        model = Alert
        fields: list[str] = []

    def rows(self) -> QuerySet[Any]:
        rows = super().rows()
        return rows if self.value("state") else rows.filter(is_open=True)

    def search(self, rows: QuerySet[Alert], name: str, text: str) -> QuerySet[Alert]:
        return rows.filter(selectors.matching(text))

    def in_state(self, rows: QuerySet[Alert], name: str, state: str) -> QuerySet[Alert]:
        if state == "all":
            return rows
        rows = rows.filter(is_open=state != "closed")
        if state == "snoozed":
            return rows.filter(snoozed_until__gt=timezone.now())
        if state in ("new", "acknowledged"):
            return rows.filter(acknowledged_at__isnull=state == "new")
        return rows
