"""Forms about API tokens: what one may do and for how long, and what the overview is narrowed to."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet

from portal.accounts.forms_roles import PermissionGroups, permission_groups
from portal.accounts.grants import lacking
from portal.accounts.models import ApiToken
from portal.accounts.selectors_tokens import expires_soon, is_live, is_unused
from portal.accounts.tokens import LONGEST, USUAL
from portal.core.access import PERMISSIONS, Access
from portal.core.fields import PlainTextField
from portal.core.lists import ListFilters, SearchFilter
from portal.tenants.models import Tenant

READING = ("server:view", "device:view", "job:view")
"""What the API of today asks for."""


class TokenForm(forms.Form):
    """A token's name, end and scope. Those permissions that the caller lacks cannot be chosen."""

    name = PlainTextField(max_length=80, help_text="What it is for, such as “Grafana” or “Nightly report”.")
    days = forms.IntegerField(
        min_value=1,
        max_value=LONGEST.days,
        initial=USUAL.days,
        label="Valid for (days)",
        help_text=f"At most {LONGEST.days}. You make a new one before it ends.",
    )
    permissions = forms.MultipleChoiceField(choices=list(PERMISSIONS.items()), required=False)

    missing: Collection[str]
    greyed: str

    def clean_permissions(self) -> list[str]:
        chosen: list[str] = self.cleaned_data["permissions"]
        if not chosen:
            raise forms.ValidationError("Choose at least one permission: a token without any does nothing.")
        return chosen

    def groups(self) -> PermissionGroups:
        return permission_groups(self["permissions"].value() or [], missing=self.missing, greyed=self.greyed)

    def made_of(self) -> dict[str, Any]:
        """What the services that make tokens ask for."""
        data = self.cleaned_data
        made = {"name": data["name"], "permissions": data["permissions"]}
        return {**made, "lifetime": timedelta(days=data["days"])}


class OwnTokenForm(TokenForm):
    """A token of one's own, everywhere or in one Tenant's subtree alone."""

    within = forms.ModelChoiceField(
        Tenant.objects.none(),
        required=False,
        empty_label="Wherever I may",
        label="Reaches",
        help_text="A tenant with everything below it. It never reaches more than you do when it is used.",
    )

    greyed = "You do not hold this anywhere, so a token of yours cannot either."

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {"permissions": [one for one in READING if access.tenants_with(one)]})
        super().__init__(*args, **kwargs)
        self.missing = frozenset(PERMISSIONS) - frozenset(access.permissions())
        within: Any = self.fields["within"]
        reach = access.reach()
        tenants = Tenant.objects.filter(is_trashed=False).order_by("path")
        within.queryset = tenants if not isinstance(reach, frozenset) else tenants.filter(pk__in=reach)

    def made_of(self) -> dict[str, Any]:
        return {**super().made_of(), "within": self.cleaned_data["within"]}


class TenantTokenForm(TokenForm):
    """A token of a Tenant."""

    def __init__(self, *args: Any, access: Access, tenant: Tenant, **kwargs: Any) -> None:
        self.missing = frozenset(lacking(access, PERMISSIONS, tenant=tenant))
        self.greyed = f"You do not hold this in all of {tenant}, so you cannot give it to a token there."
        kwargs.setdefault("initial", {"permissions": [one for one in READING if one not in self.missing]})
        super().__init__(*args, **kwargs)


class TokenFilters(ListFilters):
    """Filters of the overview of tokens. Without any it lists those that let in."""

    q = SearchFilter(method="search", placeholder="Token, person or tenant")
    whose = django_filters.ChoiceFilter(
        choices=[("people", "Of people"), ("tenants", "Of tenants")],
        method="belongs_to",
        empty_label="Anybody’s",
        label="Whose",
    )
    state = django_filters.ChoiceFilter(
        choices=[
            ("soon", "Ends within 14 days"),
            ("unused", "Unused for 90 days"),
            ("ended", "Revoked or expired"),
        ],
        method="is_in",
        empty_label="In use",
        label="State",
    )

    class Meta:
        model = ApiToken
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[ApiToken]) -> QuerySet[ApiToken]:
        rows: QuerySet[ApiToken] = super().filter_queryset(queryset)
        return rows if self.form.cleaned_data.get("state") else rows.filter(is_live())

    def search(self, rows: QuerySet[ApiToken], name: str, text: str) -> QuerySet[ApiToken]:
        of = Q(owner__name__icontains=text) | Q(owner__email__icontains=text)
        return rows.filter(Q(name__icontains=text) | of | Q(tenant__name__icontains=text))

    def belongs_to(self, rows: QuerySet[ApiToken], name: str, value: str) -> QuerySet[ApiToken]:
        return rows.filter(owner__isnull=value == "tenants")

    def is_in(self, rows: QuerySet[ApiToken], name: str, value: str) -> QuerySet[ApiToken]:
        states = {"soon": expires_soon(), "unused": is_unused(), "ended": ~is_live()}
        return rows.filter(states[value])
