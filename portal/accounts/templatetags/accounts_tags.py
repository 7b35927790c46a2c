"""What pages say of browsers."""

from typing import Final

from django import template

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
def browser(user_agent: str) -> str:
    """“Firefox on Windows” for what a browser calls itself."""
    name = next((said for mark, said in BROWSERS if mark in user_agent), "Unknown browser")
    system = next((said for mark, said in SYSTEMS if mark in user_agent), "")
    return f"{name} on {system}" if system else name
