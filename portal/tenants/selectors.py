"""Reads of the tenant tree."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q
from django.http import Http404

from portal.core.access import Access
from portal.core.querysets import TenantQuerySet
from portal.tenants.models import Tenant
from portal.tenants.outline import Outline


@dataclass(frozen=True)
class PlacementLine:
    """An organization, or a User Profile placed by hand, on the server that holds it."""

    server: str
    name: str


def list_tenants(access: Access, *, text: str = "") -> TenantQuerySet[Any]:
    """Tenants the caller may see, in the order of the tree, with what is placed in each."""
    tenants = Tenant.objects.visible_to(access, "tenant:view")
    if text:
        tenants = tenants.filter(name__icontains=text)
    return tenants.annotate(
        user_profile_count=Count("placements__user_profiles", distinct=True),
        device_count=Count("placements__devices", distinct=True),
        people_count=Count("memberships", filter=Q(memberships__user__is_active=True), distinct=True),
    ).order_by("path")


def list_options(access: Access) -> Outline:
    """The Tenants a person reaches, in the order of the tree, for the switcher."""
    return Outline(access.reach())


def get_root() -> Tenant | None:
    """The provider, or None before `manage.py setup`."""
    return Tenant.objects.filter(parent=None).first()


def get_tenant(tenant_id: int) -> Tenant | None:
    """The Tenant of that id, unless it is in the trash."""
    return Tenant.objects.filter(pk=tenant_id, is_trashed=False).first()


def get_reached_tenant(access: Access, text: str) -> Tenant:
    """The Tenant whose id is `text`, if anything is granted there.

    Raises:
        Http404: it is no id, or that of nothing within reach.
    """
    is_id = text.isascii() and text.isdecimal() and len(text) < 19
    found = get_tenant(int(text)) if is_id else None
    if found is None or found.pk not in access.reach():
        raise Http404("No tenant matches.")
    return found


def tenant_facts(access: Access, tenant: Tenant) -> dict[str, object]:
    """What a Tenant's page shows beside its name: way up, children, placements, people, rights."""
    above = [int(part) for part in tenant.path.strip("/").split("/")[:-1]]
    visible = Tenant.objects.visible_to(access, "tenant:view")
    return {
        "ancestors": visible.filter(pk__in=above).order_by("path"),
        "children": list_tenants(access).filter(parent=tenant).order_by("name"),
        "placements": _placements_with_names(tenant),
        "memberships": tenant.memberships.select_related("user", "custom_role").order_by("user__name"),
        "can_manage": access.allows("tenant:manage", tenant_id=tenant.pk),
        "can_see_people": access.allows("person:view", tenant_id=tenant.pk),
        "can_invite": access.allows("person:manage", tenant_id=tenant.pk),
    }


def _placements_with_names(tenant: Tenant) -> list[PlacementLine]:
    """Organizations placed under a Tenant, by the name their server gives them."""
    lines = []
    for placement in tenant.placements.select_related("server").prefetch_related("server__organizations"):
        names = {one.organization_id: one.name for one in placement.server.organizations.all()}
        name = placement.username or names.get(placement.organization_id, "")
        if name:
            lines.append(PlacementLine(server=placement.server.name, name=name))
    return sorted(lines, key=lambda line: (line.name.casefold(), line.server))
