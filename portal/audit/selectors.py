"""Reads of the audit: one line per action, with how it ended."""

import datetime as dt
from typing import Any, Final

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.http import Http404

from portal.audit.models import Entry, tenants_at
from portal.audit.words import WORDS, said
from portal.core.access import Access
from portal.core.querysets import in_tenants
from portal.core.tenant_sets import AllBut, Everything

RARE: Final = ("refused", "failed", "cancelled")
"""Outcomes that are looked up by their index; the others are met while going through the list."""


def list_actions(access: Access) -> QuerySet[Entry]:
    """What began in the caller's Tenants; each holds how it ended in `endings`, the latest first.

    Actions that belong to no Tenant, such as sign-ins, are seen by who sees every Tenant.
    """
    ends = Entry.objects.filter(begun__isnull=False).with_owners(access).order_by("-pk")
    return (
        Entry.objects.visible_to(access, "audit:view")
        .with_owners(access)
        .filter(begun__isnull=True)
        .select_related("tenant", "repeat")
        .prefetch_related(Prefetch("ends", queryset=ends, to_attr="endings"))
    )


def get_action(access: Access, pk: int) -> Entry:
    """The action that an entry is a half of; the end alone where retention has removed its beginning.

    Raises:
        Http404: there is none, or it belongs to a Tenant whose audit the caller may not read.
    """
    entry = Entry.objects.get_for(access, "audit:view", pk=pk)
    action = list_actions(access).filter(pk=entry.begun_id or entry.pk).first()
    if action is not None:
        return action
    if entry.begun_id and Entry.objects.filter(pk=entry.begun_id).exists():
        raise Http404("It began in a tenant whose audit you may not read.")
    return entry


def ended_as(outcome: str) -> Q:
    """Actions that ended as `outcome`; '' for those of which no end is known."""
    if outcome in RARE:
        ends = Entry.objects.filter(begun__isnull=False, outcome=outcome)
        return Q(pk__in=ends.values("begun_id"))
    ends = Entry.objects.filter(begun=OuterRef("pk"))
    return Q(Exists(ends.filter(outcome=outcome))) if outcome else ~Q(Exists(ends))


def mentions(access: Access, text: str) -> Q:
    """Actions that name `text` as their object, in their own name, or in what the caller may read of them."""
    named = Q(object_label__icontains=text) | Q(details__icontains=text)
    ends = Entry.objects.filter(begun=OuterRef("pk"))
    tenants = access.tenants_with("audit:view")
    may_read = in_tenants("owner_tenant_id", tenants)
    if isinstance(tenants, AllBut):
        may_read &= Q(Exists(tenants_at("owner_tenant_id")))
    named |= Q(owner_details__icontains=text) & may_read
    actions = [name for name in WORDS if text.casefold() in f"{name} {said(name)}".casefold()]
    return Q(action__in=actions) | named | Q(Exists(ends.filter(named)))


def of_person(text: str) -> Q:
    """Actions of whoever's name or address holds `text`, also where somebody took on that view."""
    return Q(actor_label__icontains=text) | Q(viewing_as__icontains=text)


def of_object(kind: str, pk: str) -> Q:
    """Actions on one object, also where it was known only at the end."""
    entries = Entry.objects.filter(object_type=kind, object_id=pk)
    return Q(pk__in=entries.filter(begun__isnull=True).values("pk")) | Q(
        pk__in=entries.filter(begun__isnull=False).values("begun_id")
    )


def between(since: dt.datetime | None, until: dt.datetime | None) -> Q:
    """Actions that began from `since` on and before `until`."""
    when = Q()
    if since is not None:
        when &= Q(at__gte=since)
    if until is not None:
        when &= Q(at__lt=until)
    return when


def readable_tenants(access: Access) -> QuerySet[Any]:
    """The Tenants whose audit the caller may read, in the order of the tree."""
    tenants: Any = Entry._meta.get_field("tenant").related_model
    rows: QuerySet[Any] = tenants.objects.visible_to(access, "audit:view").order_by("path")
    return rows


def topmost_tenant_id(access: Access) -> int | None:
    """Where an act on what the caller may read altogether belongs; None for who reads everything."""
    if isinstance(access.tenants_with("audit:view"), Everything):
        return None
    pk: int | None = readable_tenants(access).values_list("pk", flat=True).first()
    return pk


def owner_details(access: Access, entry: Entry) -> dict[str, Any]:
    """What is told for the owner of a Comet Server alone, as far as the caller may read it."""
    owner = entry.owner_tenant_id
    may_read = owner is not None and access.allows("audit:view", tenant_id=owner)
    if may_read and isinstance(access.tenants_with("audit:view"), AllBut):
        may_read = getattr(entry, "owner_is_there", False)
    return dict(entry.owner_details) if may_read else {}
