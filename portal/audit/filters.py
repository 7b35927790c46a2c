"""What the audit can be narrowed to, by its address."""

import datetime as dt
import re
from typing import Any, Final

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils import timezone

from portal.audit import selectors
from portal.audit.models import Entry
from portal.audit.words import WORDS
from portal.core.access import PortalRequest
from portal.core.lists import SEARCH_LENGTH, DayFilter, ListFilters, SearchFilter, midnight

UNKNOWN: Final = "unknown"
OUTCOMES: Final = [
    *((outcome.value, outcome.label) for outcome in Entry.Outcome if outcome.value),
    (UNKNOWN, "Not ended, or not known"),
]
ACTIONS: Final = sorted(WORDS.items(), key=lambda pair: pair[1].casefold())
LOOKS_BACK_DAYS: Final = 31
"""How far text is looked for unless a first day is chosen: no index helps with it."""

MOST_DAYS: Final = 366
_OBJECT: Final = re.compile(r"[a-z_.]{1,40}:[^\s\x00]{1,255}")


def _tenants(request: PortalRequest) -> QuerySet[Any]:
    return selectors.readable_tenants(request.access)


class EntryFilterForm(forms.Form):
    """Keeps a search for text to what can be gone through."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and until < since:
            self.add_error("until", "This day is before the first one.")
        days = ((until or timezone.localdate()) - since).days if since else 0
        if days >= MOST_DAYS and looks_for_text(cleaned):
            self.add_error(
                "since",
                "Text is looked for in a year at most. Choose a later first day, an earlier last one, or"
                " leave out the text.",
            )
        return cleaned


def looks_for_text(values: dict[str, Any]) -> bool:
    """Whether every action in the time chosen has to be looked at."""
    return bool(values.get("q") or values.get("person") or values.get("outcome") == UNKNOWN)


class AddressFilter(django_filters.Filter):
    field_class = forms.GenericIPAddressField


class ObjectFilter(django_filters.CharFilter):
    """One object by type and id, such as `servers.cometserver:12`; set by links."""

    def __init__(self) -> None:
        super().__init__(
            method="about",
            label="About",
            widget=forms.HiddenInput,
            max_length=300,
            validators=[_validate_object],
        )


def _validate_object(value: str) -> None:
    if not _OBJECT.fullmatch(value):
        raise ValidationError("This is no object of the portal.")


class EntryFilters(ListFilters):
    q = SearchFilter(method="search", placeholder="Name, value")
    person = django_filters.CharFilter(method="by_person", label="Person", max_length=SEARCH_LENGTH)
    action = django_filters.ChoiceFilter(choices=ACTIONS, empty_label="Any action", label="Action")
    outcome = django_filters.ChoiceFilter(
        choices=OUTCOMES, method="ended", empty_label="Any outcome", label="Outcome"
    )
    tenant = django_filters.ModelChoiceFilter(
        queryset=_tenants, method="under", empty_label="Any tenant", label="Tenant"
    )
    since = DayFilter(method="keep", label="From")
    until = DayFilter(method="keep", label="Until")
    address = AddressFilter(field_name="ip_address", label="Address")
    actor = django_filters.NumberFilter(
        method="by_actor", label="Person", widget=forms.HiddenInput, min_value=1, max_value=2**63 - 1
    )
    object = ObjectFilter()

    class Meta:
        model = Entry
        form = EntryFilterForm
        fields: list[str] = []

    def rows(self) -> QuerySet[Entry]:
        rows = super().rows()
        if not self.is_valid():
            return rows
        until = self.value("until")
        end = midnight(until + dt.timedelta(days=1)) if until else None
        return rows.filter(selectors.between(self._start(), end))

    @property
    def is_cut(self) -> bool:
        """Whether text is looked for without a first day: then only what is not long ago is."""
        return self.is_valid() and looks_for_text(self.form.cleaned_data) and not self.value("since")

    @property
    def looks_back_days(self) -> int:
        return LOOKS_BACK_DAYS

    def _start(self) -> dt.datetime | None:
        if since := self.value("since"):
            return midnight(since)
        if self.is_cut:
            last = self.value("until") or timezone.localdate()
            return midnight(last - dt.timedelta(days=LOOKS_BACK_DAYS))
        return None

    def search(self, rows: QuerySet[Entry], _: str, text: str) -> QuerySet[Entry]:
        return rows.filter(selectors.mentions(self.request.access, text))

    def by_person(self, rows: QuerySet[Entry], _: str, text: str) -> QuerySet[Entry]:
        return rows.filter(selectors.of_person(text))

    def by_actor(self, rows: QuerySet[Entry], _: str, pk: Any) -> QuerySet[Entry]:
        return rows.filter(actor_id=int(pk))

    def ended(self, rows: QuerySet[Entry], _: str, outcome: str) -> QuerySet[Entry]:
        return rows.filter(selectors.ended_as("" if outcome == UNKNOWN else outcome))

    def under(self, rows: QuerySet[Entry], _: str, tenant: Any) -> QuerySet[Entry]:
        return rows.filter(tenant__in=tenant.subtree())

    def about(self, rows: QuerySet[Entry], _: str, text: str) -> QuerySet[Entry]:
        return rows.filter(selectors.of_object(*text.split(":", 1)))

    def keep(self, rows: QuerySet[Entry], _: str, day: dt.date) -> QuerySet[Entry]:
        """The days bound the rows together, once all else is known."""
        return rows
