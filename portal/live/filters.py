"""What the activity page can be narrowed to, by its address."""

import datetime as dt
import re
from typing import Any, Final

import django_filters
from django import forms
from django.db.models import QuerySet
from django.urls import reverse_lazy

from portal.core.access import PortalRequest
from portal.core.fields import PlainTextField
from portal.core.lists import EARLIEST, LATEST, ListFilters, SearchFilter
from portal.live import selectors
from portal.live.kinds import GROUPS, KINDS
from portal.live.models import Event, SetAside
from portal.live.search import Search
from portal.servers.models import CometServer
from portal.tenants.models import Tenant

MOMENT: Final = "%Y-%m-%dT%H:%M"
_MOMENT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}")
PEOPLE: Final = "activity-people"
"""The id of the list of names that are suggested."""


def _names_of(group: str) -> list[tuple[str, str]]:
    """The types of a group as they are chosen: "Session of user ended", "Job started"."""
    named = "Job" if group == "job" else ""
    lines = [
        (str(int(number)), kind.line.format(named)) for number, kind in KINDS.items() if kind.group == group
    ]
    return [(number, " ".join(line.split())) for number, line in lines if line != GROUPS[group]]


TYPES: Final = [
    (label, [(group, f"{label}: all" if len(_names_of(group)) > 1 else label), *_names_of(group)])
    for group, label in GROUPS.items()
]
"""Groups of types, each with its types."""

SAID: Final = {value: label for _, choices in TYPES for value, label in choices}


def _servers(request: PortalRequest) -> QuerySet[CometServer]:
    return selectors.list_servers_of(request.access)


def _tenants(request: PortalRequest) -> QuerySet[Tenant]:
    return Tenant.objects.visible_to(request.access, "activity:view").order_by("path")


class MomentField(forms.DateTimeField):
    """A minute that a calendar of this product can hold, in the viewer's time zone."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=MOMENT)

    def __init__(self, **kwargs: Any) -> None:
        message = "Write the day and the time as 2026-05-31T02:10."
        super().__init__(input_formats=[MOMENT], error_messages={"invalid": message}, **kwargs)

    def to_python(self, value: Any) -> Any:
        """Nothing else than the field itself could show again."""
        if isinstance(value, str) and value.strip() and not _MOMENT.fullmatch(value.strip()):
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value is not None and not EARLIEST <= value.date() <= LATEST:
            raise forms.ValidationError("Choose a time between 2000 and 2199.")


class MomentFilter(django_filters.Filter):
    field_class = MomentField


class PersonField(PlainTextField):
    """A whole name, with the names that begin with what is typed to choose from."""

    widget = forms.TextInput(
        attrs={
            "placeholder": "Name, as Comet has it",
            "autocomplete": "off",
            "list": PEOPLE,
            "hx-get": reverse_lazy("live:activity-people"),
            "hx-trigger": "focus once, input changed delay:200ms",
            "hx-target": f"#{PEOPLE}",
            "hx-swap": "innerHTML",
            "hx-push-url": "false",
            "hx-sync": "this:replace",
        }
    )


class PersonFilter(django_filters.Filter):
    field_class = PersonField


class PersonForm(forms.Form):
    person = PlainTextField(max_length=255, required=False)


class EventFilterForm(forms.Form):
    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and until < since:
            self.add_error("until", "This time is before the first one.")
        return cleaned


class EventFilters(ListFilters):
    """Filters of the activity page. How their rows are found `search` says."""

    q = SearchFilter(method="keep", placeholder="What happened, to what")
    type = django_filters.ChoiceFilter(choices=TYPES, method="keep", empty_label="Anything", label="Type")
    person = PersonFilter(method="keep", max_length=255, label="Caused by")
    server = django_filters.ModelChoiceFilter(
        queryset=_servers, method="keep", empty_label="Any server", label="Server"
    )
    tenant = django_filters.ModelChoiceFilter(
        queryset=_tenants, method="keep", empty_label="Any tenant", label="Tenant"
    )
    since = MomentFilter(method="keep", label="From")
    until = MomentFilter(method="keep", label="Until")

    class Meta:
        model = Event
        form = EventFilterForm
        fields: list[str] = []

    def search(self) -> Search | None:
        """What is looked for; None while a filter holds what it cannot use."""
        if not self.is_valid():
            return None
        kind, until = self.value("type") or "", self.value("until")
        return Search(
            server=self.value("server"),
            tenant=self.value("tenant"),
            group=KINDS[int(kind)].group if kind.isdecimal() else kind,
            type=int(kind) if kind.isdecimal() else None,
            person=self.value("person") or "",
            text=self.value("q") or "",
            since=self.value("since"),
            until=until + dt.timedelta(minutes=1) if until else None,
        )

    def keep(self, rows: QuerySet[Event], name: str, value: Any) -> QuerySet[Event]:
        """All conditions are put together once they are known."""
        return rows

    def _said(self, name: str, value: Any) -> str:
        if name == "type":
            return f"Type: {SAID[value]}"
        if isinstance(value, dt.datetime):
            return f"{self.form.fields[name].label}: {value.day} {value:%b %Y %H:%M}"
        return super()._said(name, value)


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
