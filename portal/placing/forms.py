"""What is asked before something is placed: where to."""

from typing import Any, Final

from django import forms
from django.core.exceptions import BadRequest
from django.http import Http404, QueryDict

from portal.core.access import PortalRequest
from portal.core.fields import PlainTextField
from portal.placing import selectors
from portal.placing.filters import PlacementFilters, ProfileFilters
from portal.placing.plans import BACK, MOST, NAME_LENGTH, NEW, Line, Plan, standing, tenant_name
from portal.placing.suggestions import Suggestion

MOST_IDS: Final = 500
"""How many rows may be named one by one."""

HOW: Final = {
    "suggested": "As suggested",
    "tenant": "With a tenant",
    "new": "With a new customer named like it",
    "back": "With its organization again",
}


_MISSING: Final = {
    "required": "Choose a tenant.",
    "invalid_choice": "Choose one of the tenants in the list.",
}


class TenantField(forms.ModelChoiceField):
    """Tenants indented as in the tree."""

    def label_from_instance(self, tenant: Any) -> str:
        return "\u2003" * tenant.depth + str(tenant)


class PlaceForm(forms.Form):
    """Where some organizations or User Profiles are to be placed."""

    how = forms.ChoiceField(choices=list(HOW.items()), label="Place", widget=forms.RadioSelect)
    tenant = TenantField(
        None, required=False, label="Tenant", empty_label="Choose a tenant", error_messages=_MISSING
    )
    parent = TenantField(None, required=False, label="Below", empty_label=None, error_messages=_MISSING)
    name = PlainTextField(max_length=NAME_LENGTH, label="Name of the new customer")

    def __init__(self, data: Any, *, chosen: "Chosen", access: Any) -> None:
        super().__init__(data)
        tenants: Any = self.fields["tenant"]
        parents: Any = self.fields["parent"]
        tenants.queryset = parents.queryset = selectors.list_open_targets(access)
        how: Any = self.fields["how"]
        how.choices = [(name, HOW[name]) for name in chosen.ways]
        tenants.required, parents.required = self.way == "tenant", self.way == "new"
        if len(chosen.rows) != 1 or self.way != "new":
            del self.fields["name"]

    @property
    def way(self) -> str:
        """How it is to be placed, as far as it is said."""
        return str(self["how"].value() or "")


class Chosen:
    """The rows that a request names, with what is suggested for them."""

    def __init__(self, request: PortalRequest, data: QueryDict) -> None:
        self.kind = "users" if data.get("kind") == "users" else "organizations"
        self.all_matching = bool(data.get("all_matching")) and self.kind == "organizations"
        self._data = data
        is_users = self.kind == "users"
        filters: Any
        if self.all_matching:
            filters = PlacementFilters(
                data, queryset=selectors.list_placements(request.access), request=request
            )
            found = filters.rows().order_by("sort_name", "pk")[: MOST + 1]
        elif is_users:
            filters = ProfileFilters(
                {}, queryset=selectors.list_placeable_profiles(request.access), request=request
            )
            found = filters.queryset.filter(pk__in=_ids(data)).order_by("username", "pk")
        else:
            filters = PlacementFilters(
                {}, queryset=selectors.list_placements(request.access), request=request
            )
            found = filters.queryset.filter(pk__in=_ids(data)).order_by("sort_name", "pk")
        rows = list(found)
        if not self.all_matching and len(rows) != len(_ids(data)):
            raise Http404("Nothing of this kind can be placed by you.")
        if len(rows) > MOST:
            raise BadRequest(f"At most {MOST} organizations can be placed at once. Narrow the list first.")
        manages = request.access.tenants_with(selectors.MANAGE)
        self.elsewhere = [row for row in rows if self.placement_of(row).tenant_id not in manages]
        self.rows: list[Any] = [row for row in rows if self.placement_of(row).tenant_id in manages]
        self.suggestions: dict[int, Suggestion] = filters.suggestions(self.rows)

    @property
    def ways(self) -> list[str]:
        ways = ["suggested"] if self.suggestions else []
        ways.append("tenant")
        if self.kind == "organizations":
            ways.append("new")
        elif any(row.placement.username for row in self.rows):
            ways.append("back")
        return ways

    def placement_of(self, row: Any) -> Any:
        return row if self.kind == "organizations" else row.placement

    def fields(self) -> list[tuple[str, str]]:
        """Fields by which a form names the same rows again."""
        if self.all_matching:
            names = ["all_matching", *PlacementFilters.base_filters]
            again = [(name, str(self._data[name])) for name in names if self._data.get(name)]
        else:
            again = [("selected", str(row.pk)) for row in (*self.rows, *self.elsewhere)]
        return [("kind", self.kind), *again]

    def plan(self, given: dict[str, Any]) -> Plan:
        """What the form's answers mean for each row; those without a suggestion are not in it."""
        how = given["how"]
        lines = []
        for row in self.rows:
            name, to = "", NEW
            if how == "suggested":
                if row.pk not in self.suggestions:
                    continue
                to = self.suggestions[row.pk].tenant_id
            elif how == "tenant":
                to = given["tenant"].pk
            elif how == "back":
                to = BACK
            else:
                name = given.get("name") or tenant_name(selectors.name_of(row))
            lines.append(Line(row.pk, standing(self.placement_of(row)), to, name))
        parent = given["parent"].pk if how == "new" else 0
        return Plan("users" if self.kind == "users" else "organizations", lines, parent)


def _ids(data: QueryDict) -> set[int]:
    texts = data.getlist("selected")
    if len(texts) > MOST_IDS:
        raise BadRequest(f"At most {MOST_IDS} can be named one by one.")
    if not all(text.isascii() and text.isdigit() and len(text) < 19 for text in texts):
        raise Http404("Nothing of this kind can be placed by you.")
    return {int(text) for text in texts}
