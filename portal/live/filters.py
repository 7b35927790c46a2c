"""What the activity page can be narrowed to, by its address."""

import django_filters
from django.db.models import QuerySet

from portal.core.access import PortalRequest
from portal.core.lists import ListFilters, SearchFilter
from portal.live import selectors
from portal.live.kinds import GROUPS
from portal.live.models import Event, SetAside
from portal.servers.models import CometServer


def _servers(request: PortalRequest) -> QuerySet[CometServer]:
    return selectors.list_servers_of(request.access)


class EventFilters(ListFilters):
    """Filters of the activity page."""

    q = SearchFilter(method="search", placeholder="What happened, or who caused it")
    server = django_filters.ModelChoiceFilter(queryset=_servers, empty_label="Any server", label="Server")
    group = django_filters.ChoiceFilter(
        choices=list(GROUPS.items()), method="of_group", empty_label="Any kind", label="Kind"
    )

    class Meta:
        model = Event
        fields: list[str] = []

    def search(self, rows: QuerySet[Event], name: str, text: str) -> QuerySet[Event]:
        return rows.filter(selectors.matching(text))

    def of_group(self, rows: QuerySet[Event], name: str, group: str) -> QuerySet[Event]:
        return rows.filter(selectors.in_group(group))


def _servers_to_sync(request: PortalRequest) -> QuerySet[CometServer]:
    return selectors.list_servers_to_sync(request.access)


class SetAsideFilters(ListFilters):
    """Filters of the list of events set aside."""

    server = django_filters.ModelChoiceFilter(
        queryset=_servers_to_sync, empty_label="Any server", label="Server"
    )

    class Meta:
        model = SetAside
        fields: list[str] = []
