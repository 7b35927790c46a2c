"""`manage.py setup`: the first provider of a real installation, and one link for its owner."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from portal.accounts import services
from portal.accounts.grants import RoleChoice
from portal.accounts.models import Membership
from portal.tenants.models import Tenant
from portal.tenants.selectors import get_root
from portal.tenants.services import create_tenant


class Command(BaseCommand):
    help = "Make the provider and print one invitation link for its owner."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", default="Provider", help="Name of the provider.")
        parser.add_argument("--url", default="http://127.0.0.1:8000", help="Where people reach the portal.")

    def handle(self, *args: Any, **options: Any) -> None:
        provider = get_root()
        if provider is None:
            provider = create_tenant(parent=None, kind=Tenant.Kind.PROVIDER, name=options["name"])
        elif Membership.objects.filter(tenant=provider, role="owner", user__is_active=True).exists():
            raise CommandError(f"{provider} has an owner already; new people are invited from the portal.")
        _, token = services.invite(tenant=provider, role=RoleChoice("owner"), access=None, invited_by=None)
        link = options["url"].rstrip("/") + reverse("accounts:invitation-accept", args=[token])
        self.stdout.write(f"{provider} is there. This link makes its owner, once, within 7 days:\n{link}")
