"""What the lists of the mapping page can be narrowed to, by their address."""

from functools import cached_property
from typing import Any, Final

import django_filters
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Lower, StrIndex, Substr

from portal.core.access import PortalRequest
from portal.core.lists import FlagFilter, ListFilters, SearchFilter
from portal.fleet.models import UserProfile
from portal.placing import selectors
from portal.placing.suggestions import ANYBODYS, Matcher, Suggestion, domains_in
from portal.servers.models import TOP_LEVEL, CometServer, Placement

SUGGESTED: Final = [("any", "Any suggestion"), ("exact", "Same name"), ("none", "No suggestion")]


def _servers(request: PortalRequest) -> QuerySet[CometServer]:
    return selectors.list_managed_servers(request.access)


class _Suggesting(ListFilters):
    @cached_property
    def matcher(self) -> Matcher:
        return Matcher(self.request.access)


class PlacementFilters(_Suggesting):
    """Filters of the organizations."""

    q = SearchFilter(method="search", placeholder="Organization or tenant")
    server = django_filters.ModelChoiceFilter(queryset=_servers, empty_label="Any server", label="Server")
    suggestion = django_filters.ChoiceFilter(
        choices=SUGGESTED, method="suggested", empty_label="Any or none", label="Suggestion"
    )
    unmapped = FlagFilter(field_name="is_unmapped", label="Not placed yet")

    class Meta:
        model = Placement
        fields: list[str] = []

    def search(self, rows: QuerySet[Placement], name: str, text: str) -> QuerySet[Placement]:
        managed = selectors.list_targets(self.request.access)
        return rows.filter(Q(name__icontains=text) | Q(tenant__in=managed.filter(name__icontains=text)))

    def suggested(self, rows: QuerySet[Placement], name: str, value: str) -> QuerySet[Placement]:
        unplaced: Any = rows.filter(is_unmapped=True)
        if value == "exact":
            return rows.filter(pk__in=self._exact(unplaced))
        found = self.suggestions(unplaced)
        return unplaced.exclude(pk__in=found) if value == "none" else rows.filter(pk__in=found)

    def count_exact(self) -> int:
        """How many of the rows that match are not placed yet and have the name of one Tenant."""
        return len(self._exact(self.rows().filter(is_unmapped=True)))

    def _exact(self, unplaced: Any) -> list[int]:
        """Those of `unplaced` that have the name of one Tenant. One query."""
        named = unplaced.exclude(organization_id=TOP_LEVEL).values_list("pk", "name")
        found = ((pk, self.matcher.suggest([name], {}, close=False)) for pk, name in named)
        return [pk for pk, one in found if one is not None and one.is_exact]

    def suggestions(self, rows: Any) -> dict[int, Suggestion]:
        """Placement -> the likeliest Tenant, for those not placed yet. `rows` are those of a page, or all."""
        placements = [one for one in rows if one.is_unmapped and one.organization_id != TOP_LEVEL]
        if not placements:
            return {}
        domains = selectors.mail_domains([one.pk for one in placements])
        found = {
            one.pk: self.matcher.suggest([one.name], _telling(domains.get(one.pk, {}))) for one in placements
        }
        return {pk: suggestion for pk, suggestion in found.items() if suggestion is not None}


class ProfileFilters(_Suggesting):
    """Filters of the User Profiles."""

    q = SearchFilter(method="search", placeholder="User, account name or e-mail")
    server = django_filters.ModelChoiceFilter(queryset=_servers, empty_label="Any server", label="Server")
    suggestion = django_filters.ChoiceFilter(
        choices=SUGGESTED[:2], method="suggested", empty_label="Any or none", label="Suggestion"
    )
    placed = django_filters.ChoiceFilter(
        choices=[("no", "With their organization"), ("yes", "By hand")],
        method="by_hand",
        empty_label="Either way",
        label="Placed",
    )

    class Meta:
        model = UserProfile
        fields: list[str] = []

    def search(self, rows: QuerySet[UserProfile], name: str, text: str) -> QuerySet[UserProfile]:
        return rows.filter(
            Q(username__icontains=text) | Q(account_name__icontains=text) | Q(email__icontains=text)
        )

    def by_hand(self, rows: QuerySet[UserProfile], name: str, value: str) -> QuerySet[UserProfile]:
        return rows.exclude(placement__username="") if value == "yes" else rows.filter(placement__username="")

    def suggested(self, rows: QuerySet[UserProfile], name: str, value: str) -> QuerySet[UserProfile]:
        """By name or mail domain alone: close names are worked out for the rows of a page only."""
        names = self.matcher.plain_names()
        rows = rows.filter(placement__username="").annotate(
            plain=Lower("account_name"), domain=Lower(Substr("email", StrIndex("email", Value("@")) + 1))
        )
        matching = Q(plain__in=names)
        if value == "any":
            matching |= Q(domain__in=self.matcher.domains())
        return rows.filter(matching)

    def suggestions(self, rows: Any) -> dict[int, Suggestion]:
        """User Profile -> the likeliest Tenant, for those of `rows` that nobody placed by hand."""
        profiles = [one for one in rows if not one.placement.username]
        if not profiles:
            return {}
        found = {
            one.pk: self.matcher.suggest(
                [one.account_name], domains_in([one.email, one.username, one.account_name])
            )
            for one in profiles
        }
        return {pk: one for pk, one in found.items() if one is not None}


def _telling(domains: dict[str, int]) -> dict[str, int]:
    return {domain: users for domain, users in domains.items() if not ANYBODYS.fullmatch(domain)}
