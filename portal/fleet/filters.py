"""What the lists of Devices and User Profiles can be narrowed to, by their address."""

from typing import Any, Final

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils import timezone

from portal.core.access import PortalRequest
from portal.core.lists import FlagFilter, ListFilters, SearchFilter
from portal.core.states import State
from portal.fleet import selectors
from portal.fleet.models import Device, ProtectedItem, UserProfile
from portal.fleet.selectors import Cause
from portal.servers.models import CometServer
from portal.tenants.models import Tenant

STATES: Final = [(state.value, state.label) for state in State]
PLATFORMS: Final = {"windows": "Windows", "darwin": "macOS", "linux": "Linux"}
OTHER: Final = "other"


def _servers(request: PortalRequest) -> QuerySet[CometServer]:
    return selectors.list_servers_of(request.access, "device:view")


def _users(request: PortalRequest) -> QuerySet[UserProfile]:
    return UserProfile.objects.visible_to(request.access, "device:view")


def _tenants(request: PortalRequest) -> QuerySet[Tenant]:
    return Tenant.objects.visible_to(request.access, "device:view")


class CauseField(forms.CharField):
    """A cause as the attention page links to it: `7002:Vault unreachable`."""

    widget = forms.HiddenInput

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=261, strip=False, **kwargs)

    def clean(self, value: Any) -> "SaidCause | None":
        text = super().clean(value)
        if not text:
            return None
        try:
            return SaidCause(*Cause.parse(text))
        except ValueError:
            raise ValidationError("This is not a cause. Open it again from “Needs attention”.") from None


class SaidCause(Cause):
    """A cause that reads as its message."""

    def __str__(self) -> str:
        return self.message or "without a message"


class CauseFilter(django_filters.Filter):
    field_class = CauseField


class DeviceFilters(ListFilters):
    """Filters of the Device list."""

    q = SearchFilter(method="search", placeholder="Device, user or account name")
    state = django_filters.ChoiceFilter(choices=STATES, empty_label="Any state", label="State")
    online = django_filters.ChoiceFilter(
        choices=[("yes", "Online"), ("no", "Offline")],
        method="connected",
        empty_label="Online or not",
        label="Connection",
    )
    platform = django_filters.ChoiceFilter(
        choices=[*PLATFORMS.items(), (OTHER, "Other")],
        method="runs",
        empty_label="Any platform",
        label="Platform",
    )
    server = django_filters.ModelChoiceFilter(queryset=_servers, empty_label="Any server", label="Server")
    silent = FlagFilter(method="is_silent", label="Silent")
    user = django_filters.ModelChoiceFilter(
        field_name="profile", queryset=_users, widget=forms.HiddenInput, label="User"
    )
    tenant = django_filters.ModelChoiceFilter(
        field_name="placement__tenant", queryset=_tenants, widget=forms.HiddenInput, label="Tenant"
    )
    cause = CauseFilter(method="ended_by", label="Cause")

    class Meta:
        model = Device
        fields: list[str] = []

    def search(self, rows: QuerySet[Device], name: str, text: str) -> QuerySet[Device]:
        return rows.filter(selectors.devices_named(text))

    def connected(self, rows: QuerySet[Device], name: str, value: str) -> QuerySet[Device]:
        return rows.filter(connections__gt=0) if value == "yes" else rows.filter(connections=0)

    def runs(self, rows: QuerySet[Device], name: str, value: str) -> QuerySet[Device]:
        if value == OTHER:
            for known in PLATFORMS:
                rows = rows.exclude(platform__startswith=f"{known}/")
            return rows
        return rows.filter(platform__startswith=f"{value}/")

    def is_silent(self, rows: QuerySet[Device], name: str, value: bool) -> QuerySet[Device]:
        return rows.filter(selectors.is_silent(timezone.now()))

    def ended_by(self, rows: QuerySet[Device], name: str, cause: Cause) -> QuerySet[Device]:
        items = ProtectedItem.objects.filter(selectors.items_with(cause))
        return rows.filter(pk__in=items.values("device"))


class UserFilters(ListFilters):
    """Filters of the User Profile list."""

    q = SearchFilter(method="search", placeholder="User, account name or e-mail")
    server = django_filters.ModelChoiceFilter(queryset=_servers, empty_label="Any server", label="Server")
    suspended = FlagFilter(field_name="is_suspended", label="Suspended")
    tenant = django_filters.ModelChoiceFilter(
        field_name="placement__tenant", queryset=_tenants, widget=forms.HiddenInput, label="Tenant"
    )

    class Meta:
        model = UserProfile
        fields: list[str] = []

    def search(self, rows: QuerySet[UserProfile], name: str, text: str) -> QuerySet[UserProfile]:
        return rows.filter(selectors.users_named(text))
