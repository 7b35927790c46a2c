"""Reads of alerts, each scoped to what the caller may see."""

from typing import Final
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import Http404
from django.urls import reverse

from portal.accounts.models import User
from portal.alerts.models import Alert, Handling, MailChoice, Message, Opening, Rules
from portal.core.access import EVERYTHING, Access
from portal.core.querysets import TenantQuerySet
from portal.fleet.selectors import list_servers_of
from portal.servers.models import CometServer
from portal.tenants.models import Tenant

MOST_COUNTED: Final = 1000
MOST_OPENINGS: Final = 50
MOST_MESSAGES: Final = 10


def list_alerts(access: Access) -> TenantQuerySet[Alert]:
    """Alerts the caller may see, with what a row shows."""
    return (
        Alert.objects.visible_to(access, "alert:view")
        .select_related("server", "placement__tenant", "acknowledged_by")
        .defer("server__password", "server__session_key")
    )


def count_open(access: Access) -> int:
    """How many alerts are open that the caller may see; no more than `MOST_COUNTED` are counted."""
    return Alert.objects.visible_to(access, "alert:view").filter(is_open=True)[:MOST_COUNTED].count()


def matching(text: str) -> Q:
    """Alerts with `text` in what they are about or in why they opened."""
    return Q(label__icontains=text) | Q(message__icontains=text)


def list_openings(alert: Alert) -> list[Opening]:
    """The last times it was open, newest first."""
    return list(alert.openings.order_by("-number")[:MOST_OPENINGS])


def list_servers(access: Access) -> QuerySet[CometServer]:
    """Comet Servers of which the caller may see alerts, by name."""
    return list_servers_of(access, "alert:view")


def list_tenants(access: Access) -> TenantQuerySet[Tenant]:
    """Tenants that have, or had, an alert the caller may see."""
    alerts = Alert.objects.visible_to(access, "alert:view")
    return (
        Tenant.objects.visible_to(access, "alert:view")
        .filter(pk__in=alerts.values("placement__tenant"))
        .order_by("name")
    )


def jobs_url(alert: Alert, access: Access) -> str:
    """The list with exactly the Jobs of its Device, server or user; "" where the caller may not see it."""
    if not access.allows("job:view", tenant_id=alert.tenant_id):
        return ""
    of: dict[str, int] = {"server": alert.server_id}
    if alert.item is not None:
        of = {"device": alert.item.device_id}
    elif alert.profile_id is not None:
        of = {"user": alert.profile_id}
    return f"{reverse('jobs:job-list')}?{urlencode(of)}"


def get_rules(tenant: Tenant) -> Rules:
    """The tenant's rules; new ones, not stored yet, where it has none."""
    return Rules.objects.filter(tenant=tenant).first() or Rules(tenant=tenant)


def list_rule_tenants(access: Access) -> TenantQuerySet[Tenant]:
    """Tenants whose rules the caller may change, in the order of the tree."""
    return Tenant.objects.visible_to(access, "alert:manage").order_by("path")


def manages_all_below(access: Access, tenant: Tenant) -> bool:
    """Whether the caller manages alerts in the tenant's whole subtree: a webhook tells of all of it."""
    managed = access.tenants_with("alert:manage")
    if managed is EVERYTHING:
        return True
    below = tenant.subtree().filter(is_trashed=False).values_list("pk", flat=True)
    return all(pk in managed for pk in below)


def list_deliveries(rules: Rules) -> list[Message]:
    """The last posts to its webhook, newest first."""
    if rules.pk is None:
        return []
    return list(Message.objects.filter(rules=rules).order_by("-pk")[:MOST_MESSAGES])


def get_choice(user: User) -> MailChoice:
    """When the person wants mail; a choice not stored yet where there is none."""
    return MailChoice.objects.filter(user=user).first() or MailChoice(user=user)


def get_handling(user: User, pk: int) -> Handling:
    """What this person did to some alerts.

    Raises:
        Http404: there is no such, it was somebody else's, or it was undone.
    """
    found = Handling.objects.filter(user=user, pk=pk, undone_at=None).first()
    if found is None:
        raise Http404("Nothing to undo.")
    return found
