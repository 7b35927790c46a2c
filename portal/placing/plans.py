"""A plan: what goes where, as a browser confirms it. What it names is looked up anew, for who sends it."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec
from django.core.exceptions import BadRequest, PermissionDenied, ValidationError
from django.http import Http404

from portal.core.access import Access
from portal.core.fields import validate_plain_text
from portal.placing import selectors
from portal.placing.errors import PlacingRefused
from portal.placing.selectors import MANAGE
from portal.servers.models import Placement
from portal.tenants.models import Tenant
from portal.tenants.services import require_place

MOST: Final = 2000
"""Lines of one plan."""

NAME_LENGTH: Final = 120

NEW: Final = 0
BACK: Final = -1


OVER_WHAT_IS_PLACED: Final = frozenset({"user", "device", "job", "backup", "activity", "operation", "sso"})
"""Nouns of the permissions that reach what is placed with a Tenant, rather than the Tenant."""


class Line(msgspec.Struct, array_like=True):
    """One organization or User Profile, how it stood when it was looked at, and where it goes."""

    id: int
    seen: str
    to: int
    """A Tenant; NEW for one that is to be made; BACK for a User Profile that returns to its organization."""
    name: str = ""
    """Of the Tenant to be made."""


class Plan(msgspec.Struct):
    """Lines about organizations (placement ids) or about User Profiles (their ids)."""

    kind: Literal["organizations", "users"]
    lines: list[Line]
    parent: int = 0
    """The Tenant below which new ones are made."""

    def encode(self) -> str:
        return msgspec.json.encode(self).decode()


def decode(text: str) -> Plan:
    """The plan of a form.

    Raises:
        BadRequest: it is none.
    """
    try:
        plan = msgspec.json.decode(text, type=Plan)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise BadRequest("This is no plan. Open the page again.") from error
    ids = [line.id for line in plan.lines]
    if len(ids) > MOST or len(set(ids)) != len(ids) or not all(0 < pk < 2**63 for pk in ids):
        raise BadRequest("This is no plan. Open the page again.")
    return plan


def standing(placement: Placement) -> str:
    """How a placement stands, as a plan notes it: it tells whether somebody changed it meanwhile."""
    return f"{placement.pk}.{placement.tenant_id}.{int(placement.is_unmapped)}"


@dataclass(slots=True)
class Step:
    """One line of a plan with its rows. `row` is a Placement or a User Profile."""

    row: Any
    placement: Placement
    seen: str
    label: str
    target: Tenant | None = None
    new_name: str = ""
    goes_back: bool = False

    @property
    def asked_tenant_id(self) -> int | None:
        return self.target.pk if self.target else None


@dataclass(slots=True)
class Resolved:
    """A plan that its sender may carry out."""

    kind: str
    steps: list[Step]
    parent: Tenant | None
    access: Access

    @property
    def new_names(self) -> list[str]:
        """Names of the Tenants to be made, each once."""
        return list(
            {step.new_name.casefold(): step.new_name for step in self.steps if step.new_name}.values()
        )


def resolve(plan: Plan, access: Access) -> Resolved:
    """Look up what a plan names.

    Raises:
        Http404: an organization or User Profile is not there, or on a server the caller does not manage.
        PermissionDenied: it is placed with a Tenant that the caller does not manage.
        PlacingRefused: a Tenant cannot take it, or the caller would give himself rights.
    """
    rows = _rows(plan, access)
    targets = _targets(plan, access)
    steps = []
    for line in plan.lines:
        row = rows.get(line.id)
        if row is None:
            raise Http404("Nothing of this kind can be placed by you.")
        placement = row if plan.kind == "organizations" else row.placement
        access.require(MANAGE, tenant_id=placement.tenant_id)
        label = selectors.name_of(row) if plan.kind == "organizations" else row.username
        step = Step(row, placement, line.seen, label)
        if line.to == BACK and plan.kind == "users":
            step.goes_back = True
            step.target = home_of(row, access)
        elif line.to == NEW:
            step.new_name = tenant_name(line.name or label)
        else:
            step.target = targets.get(line.to)
            if step.target is None:
                raise PlacingRefused("Choose one of the tenants in the list.")
        require_open(step.target)
        where = str(step.target or "the tenant above the new one")
        require_no_gain(label, placement.tenant_id, step.asked_tenant_id or plan.parent, where, access)
        steps.append(step)
    resolved = Resolved(plan.kind, steps, targets.get(plan.parent), access)
    if resolved.new_names:
        _require_names(resolved)
    return resolved


def require_no_gain(label: str, before_id: int, after_id: int, after: str, access: Access) -> None:
    """Refuse who would get rights over what goes from one Tenant to another, named `after`.

    Raises:
        PlacingRefused: he would.
    """
    gained = access.held_in(after_id) - access.held_in(before_id)
    if any(permission.partition(":")[0] in OVER_WHAT_IS_PLACED for permission in gained):
        raise PlacingRefused(
            f"You hold more in {after} than where {label} is now, so you would give yourself rights."
            " Ask somebody who holds as much in both."
        )


def require_open(tenant: Tenant | None) -> None:
    """Refuse a Tenant that is suspended or on its way out.

    Raises:
        PlacingRefused: it is.
    """
    if tenant is not None and tenant.is_trashed:
        raise PlacingRefused(f"{tenant} is in the trash. Restore it first, or choose another tenant.")
    if tenant is not None and tenant.is_suspended:
        raise PlacingRefused(f"{tenant} is suspended. Resume it first, or choose another tenant.")


def tenant_name(text: str) -> str:
    """A name that a Tenant may have, of what Comet calls an organization.

    Raises:
        PlacingRefused: nothing of it can be used.
    """
    visible = "".join(
        character
        for character in text
        if character not in "<>"
        and unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    )
    name = " ".join(visible.split())[:NAME_LENGTH].strip()
    try:
        validate_plain_text(name)
    except ValidationError as error:
        raise PlacingRefused(f"No tenant can be named like {text!r}. Place it with one there is.") from error
    if not name:
        raise PlacingRefused(
            "An organization without a name gives no name to a tenant. Place it with one there is."
        )
    return name


def _rows(plan: Plan, access: Access) -> Mapping[int, Any]:
    ids = [line.id for line in plan.lines]
    rows: Any = (
        selectors.list_placements(access)
        if plan.kind == "organizations"
        else selectors.list_placeable_profiles(access)
    )
    return {row.pk: row for row in rows.filter(pk__in=ids)}


def _targets(plan: Plan, access: Access) -> dict[int, Tenant]:
    wanted = {line.to for line in plan.lines} | {plan.parent}
    return selectors.list_targets(access).in_bulk([pk for pk in wanted if 0 < pk < 2**63])


def home_of(profile: Any, access: Access) -> Tenant:
    """The Tenant that the organization of a User Profile is placed with."""
    home = (
        Placement.objects.filter(
            server=profile.server_id, organization_id=profile.organization_id, username=""
        )
        .select_related("tenant")
        .first()
    )
    if home is None:
        raise PlacingRefused(
            f"The organization of {profile.username} is not known here. Sync the server first."
        )
    if not access.allows(MANAGE, tenant_id=home.tenant_id):
        raise PermissionDenied(MANAGE)
    return home.tenant


def _require_names(resolved: Resolved) -> None:
    parent = resolved.parent
    if parent is None:
        raise PlacingRefused("Choose below which tenant the new ones are made.")
    require_open(parent)
    for name in resolved.new_names:
        try:
            require_place(parent, kind=Tenant.Kind.CUSTOMER, name=name, access=resolved.access)
        except ValidationError as error:
            raise PlacingRefused(" ".join(error.messages)) from error
