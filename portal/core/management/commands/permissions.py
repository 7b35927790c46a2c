"""`manage.py permissions`: the permission table as a page of the docs."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.core.access import PERMISSIONS, ROLES

PAGE = Path("docs/permissions.md")


class Command(BaseCommand):
    help = "Write docs/permissions.md from the permission table; --check only compares."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="Fail when the page is not current.")

    def handle(self, *args: Any, **options: Any) -> None:
        path = settings.BASE_DIR / PAGE
        if not options["check"]:
            path.write_text(page_text())
            self.stdout.write(f"{PAGE} written.")
        elif not path.exists() or path.read_text() != page_text():
            raise CommandError(f"{PAGE} is not current. Run: manage.py permissions")


def page_text() -> str:
    """The table in Markdown: a line per permission, a column per role."""
    lines = [
        "# Permissions",
        "",
        "Written by `manage.py permissions` from `portal/core/access.py`; change it there.",
        "A role is held in one tenant and reaches everything below it. Several roles add up.",
        "",
        "| Permission | Lets a person | " + " | ".join(ROLES) + " |",
        "|---|---|" + "---|" * len(ROLES),
    ]
    for permission, meaning in PERMISSIONS.items():
        held = " | ".join("yes" if permission in granted else "" for granted in ROLES.values())
        lines.append(f"| `{permission}` | {meaning} | {held} |")
    return "\n".join(lines) + "\n"
