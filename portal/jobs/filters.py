"""What the Job list can be narrowed to, by its address."""

import datetime as dt
from typing import Final

import django_filters
from django import forms
from django.db.models import QuerySet
from django.utils import timezone

from comet.constants import JobClassification, JobStatus
from portal.core.access import PortalRequest
from portal.core.lists import DayFilter, ListFilters, SearchFilter, midnight
from portal.core.states import State
from portal.fleet.models import Device, UserProfile
from portal.fleet.selectors import list_servers_of
from portal.jobs import selectors
from portal.jobs.models import Job
from portal.jobs.states import word_of
from portal.jobs.stuck import standstill
from portal.jobs.words import KINDS
from portal.servers.models import CometServer
from portal.tenants.models import Tenant

STATES: Final = [(state.value, state.label) for state in State if state is not State.UNKNOWN]
LAST_DAY: Final = "24h"
NARROW: Final = dt.timedelta(days=31)


def _servers(request: PortalRequest) -> QuerySet[CometServer]:
    return list_servers_of(request.access, "job:view")


def _devices(request: PortalRequest) -> QuerySet[Device]:
    return Device.objects.visible_to(request.access, "job:view")


def _users(request: PortalRequest) -> QuerySet[UserProfile]:
    return UserProfile.objects.visible_to(request.access, "job:view")


def _tenants(request: PortalRequest) -> QuerySet[Tenant]:
    return Tenant.objects.visible_to(request.access, "job:view")


class JobFilters(ListFilters):
    """Filters of the Job list."""

    q = SearchFilter(method="search", placeholder="Device, user or job GUID")
    state = django_filters.ChoiceFilter(choices=STATES, empty_label="Any state", label="State")
    kind = django_filters.ChoiceFilter(
        field_name="classification",
        choices=[(kind.value, KINDS[kind]) for kind in JobClassification],
        empty_label="Any kind",
        label="Kind",
    )
    server = django_filters.ModelChoiceFilter(queryset=_servers, empty_label="Any server", label="Server")
    since = DayFilter(method="started_since", label="Started from")
    until = DayFilter(method="started_until", label="Started until")
    day = DayFilter(method="ended_on", widget=forms.HiddenInput, label="Ended on")
    ended = django_filters.ChoiceFilter(
        choices=[(LAST_DAY, "in the last 24 h")],
        method="ended_lately",
        widget=forms.HiddenInput,
        label="Ended",
    )
    status = django_filters.ChoiceFilter(
        choices=[(status.value, word_of(status)) for status in JobStatus],
        widget=forms.HiddenInput,
        label="Status",
    )
    device = django_filters.ModelChoiceFilter(queryset=_devices, widget=forms.HiddenInput, label="Device")
    user = django_filters.ModelChoiceFilter(
        field_name="profile", queryset=_users, widget=forms.HiddenInput, label="User"
    )
    tenant = django_filters.ModelChoiceFilter(
        field_name="placement__tenant", queryset=_tenants, widget=forms.HiddenInput, label="Tenant"
    )

    class Meta:
        model = Job
        fields: list[str] = []

    @property
    def is_narrow(self) -> bool:
        """Whether few enough Jobs can match to be sorted by a column without an index."""
        since = self.value("since")
        return bool(
            self.value("device")
            or self.value("user")
            or self.value("day")
            or self.value("ended")
            or (since and timezone.localdate() - since <= NARROW)
        )

    def search(self, rows: QuerySet[Job], name: str, text: str) -> QuerySet[Job]:
        return rows.filter(selectors.matching(self.request.access, text))

    def started_since(self, rows: QuerySet[Job], name: str, day: dt.date) -> QuerySet[Job]:
        return rows.filter(started_at__gte=midnight(day))

    def started_until(self, rows: QuerySet[Job], name: str, day: dt.date) -> QuerySet[Job]:
        return rows.filter(started_at__lt=midnight(day + dt.timedelta(days=1)))

    def ended_on(self, rows: QuerySet[Job], name: str, day: dt.date) -> QuerySet[Job]:
        """By the day of the strips, which is UTC."""
        start = dt.datetime.combine(day, dt.time(), dt.UTC)
        return rows.filter(selectors.ended_within(start, start + dt.timedelta(days=1)))

    def ended_lately(self, rows: QuerySet[Job], name: str, value: str) -> QuerySet[Job]:
        start = selectors.last_day_start(timezone.now())
        return rows.filter(selectors.ended_within(start, start + dt.timedelta(days=1)))


STILL_FOR: Final = (1, 2, 6, 12, 24, 48, 168)
"""Hours that the list of stuck Jobs offers."""


def _hours(hours: int) -> str:
    return f"{hours} h" if hours < 48 else f"{hours // 24} days"


class StuckFilters(ListFilters):
    """Filters of the list of stuck Jobs."""

    hours = django_filters.ChoiceFilter(
        choices=[(str(hours), f"for {_hours(hours)}") for hours in STILL_FOR],
        method="all_of_them",
        empty_label="For the usual time",
        label="Not moved",
    )
    server = django_filters.ModelChoiceFilter(queryset=_servers, empty_label="Any server", label="Server")

    class Meta:
        model = Job
        fields: list[str] = []

    @property
    def still_for(self) -> dt.timedelta:
        """How long a Job of the list has stood still at least."""
        hours = self.value("hours")
        return dt.timedelta(hours=int(hours)) if hours else standstill()

    def all_of_them(self, rows: QuerySet[Job], name: str, value: str) -> QuerySet[Job]:
        return rows  # it decides which rows there are to begin with
