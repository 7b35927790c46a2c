"""What pages say of people's second factors and browsers."""

from typing import Final

from django import template

from portal.accounts.factors import factor_words
from portal.accounts.models import User

register = template.Library()

BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
    ("curl", "curl"),
)
"""The first that occurs: Edge and Opera also call themselves Chrome, and Chrome Safari."""

SYSTEMS: Final = (
    ("Windows", "Windows"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


@register.filter
def factors(person: User) -> list[str]:
    """The kinds of second factor somebody has; `authenticator_set` is loaded."""
    return factor_words(row.type for row in person.authenticator_set.all())  # type: ignore[attr-defined]


@register.filter
def browser(user_agent: str) -> str:
    """“Firefox on Windows” for what a browser calls itself."""
    name = next((said for mark, said in BROWSERS if mark in user_agent), "Unknown browser")
    system = next((said for mark, said in SYSTEMS if mark in user_agent), "")
    return f"{name} on {system}" if system else name
