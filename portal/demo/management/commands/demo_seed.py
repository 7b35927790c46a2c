"""`manage.py demo_seed`: the demo's tenants and people, and its first server linked. Repeatable."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal.demo import secrets
from portal.demo.environment import DemoEnvironment
from portal.demo.errors import DemoError
from portal.demo.seed import seed


class Command(BaseCommand):
    help = "Fill the database with what the demo shows; its first Comet Server must answer."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.ENV != "demo":
            raise CommandError("This fills the demo's database and needs PERIHELION_ENV=demo.")
        try:
            seed(DemoEnvironment.from_os(settings.DATA_DIR), secrets.load(settings.DATA_DIR))
        except DemoError as exc:
            raise CommandError(str(exc)) from exc
