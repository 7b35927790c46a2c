"""Reads of the audit: one line per action, with how it ended."""

import datetime as dt

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.utils import timezone

from portal.audit.models import Entry
from portal.core.access import Access


def list_actions(access: Access) -> QuerySet[Entry]:
    """What began in the caller's Tenants; each holds how it ended in `endings`, the latest first.

    Actions that belong to no Tenant, such as sign-ins, are seen by who sees every Tenant.
    """
    ends = Entry.objects.filter(phase=Entry.Phase.ENDED).order_by("-pk")
    return (
        Entry.objects.visible_to(access, "audit:view")
        .filter(phase=Entry.Phase.BEGUN)
        .select_related("tenant")
        .prefetch_related(Prefetch("ends", queryset=ends, to_attr="endings"))
    )


def ended_as(outcome: str) -> Q:
    """Actions that ended as `outcome`; '' for those of which no end is known."""
    ends = Entry.objects.filter(begun=OuterRef("pk"))
    if not outcome:
        return ~Q(Exists(ends))
    return Q(Exists(ends.filter(outcome=outcome)))


def mentions(text: str) -> Q:
    """Actions that name `text` as their object, or in what is told of them."""
    return Q(object_label__icontains=text) | Q(action__icontains=text) | Q(details__icontains=text)


def within(days: int) -> Q:
    return Q(at__gte=timezone.now() - dt.timedelta(days=days))


def list_action_names(access: Access) -> list[str]:
    """Every action that occurs in what the caller may see, by name."""
    seen = Entry.objects.visible_to(access, "audit:view").filter(phase=Entry.Phase.BEGUN)
    return sorted(seen.order_by().values_list("action", flat=True).distinct())
