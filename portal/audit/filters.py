"""What the audit can be narrowed to, by its address."""

from typing import Final

import django_filters
from django.db.models import QuerySet

from portal.audit import selectors
from portal.audit.models import Entry
from portal.audit.words import said
from portal.core.access import PortalRequest
from portal.core.lists import SEARCH_LENGTH, ListFilters, SearchFilter

UNKNOWN: Final = "unknown"
OUTCOMES: Final = [
    *((outcome.value, outcome.label) for outcome in Entry.Outcome if outcome.value),
    (UNKNOWN, "Not ended, or not known"),
]
SPANS: Final = [("1", "Last 24 hours"), ("7", "Last 7 days"), ("30", "Last 30 days")]


def _actions(request: PortalRequest) -> list[tuple[str, str]]:
    return [(name, said(name)) for name in selectors.list_action_names(request.access)]


class EntryFilters(ListFilters):
    q = SearchFilter(method="search", placeholder="Name, value")
    person = django_filters.CharFilter(
        field_name="actor_label", lookup_expr="icontains", label="Person", max_length=SEARCH_LENGTH
    )
    action = django_filters.ChoiceFilter(choices=(), empty_label="Any action", label="Action")
    outcome = django_filters.ChoiceFilter(
        choices=OUTCOMES, method="ended", empty_label="Any outcome", label="Outcome"
    )
    days = django_filters.ChoiceFilter(choices=SPANS, method="since", empty_label="Any time", label="Time")

    class Meta:
        model = Entry
        fields: list[str] = []

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.filters["action"].extra["choices"] = _actions(self.request)

    def search(self, rows: QuerySet[Entry], _: str, text: str) -> QuerySet[Entry]:
        return rows.filter(selectors.mentions(text))

    def ended(self, rows: QuerySet[Entry], _: str, outcome: str) -> QuerySet[Entry]:
        return rows.filter(selectors.ended_as("" if outcome == UNKNOWN else outcome))

    def since(self, rows: QuerySet[Entry], _: str, days: str) -> QuerySet[Entry]:
        return rows.filter(selectors.within(int(days)))
