"""How often addresses may be tried: whoever links servers makes the portal connect to what he types."""

import time
from datetime import timedelta
from typing import Final

from django.core.cache import cache

from portal.accounts.models import User
from portal.servers.errors import TooManyTries
from portal.tenants.models import Tenant

BY_PERSON: Final = (10, timedelta(minutes=5))
BY_TENANT: Final = (60, timedelta(hours=1))
"""Tries, and within what time."""


def count_try(user: User | None, tenant: Tenant) -> None:
    """Count one try of this person for this tenant. Nobody in particular is a command line.

    Raises:
        TooManyTries: says when the next one may be made.
    """
    pause = max(
        _seconds_to_wait(f"link-try:person:{user.pk}", *BY_PERSON) if user else 0.0,
        _seconds_to_wait(f"link-try:tenant:{tenant.pk}", *BY_TENANT),
    )
    if pause:
        raise TooManyTries(pause)


def _seconds_to_wait(key: str, tries: int, within: timedelta) -> float:
    """0 once one of the places for tries was free and is taken; else how long none will be."""
    places = [f"{key}:{number}" for number in range(tries)]
    seconds = within.total_seconds()
    taken = cache.get_many(places)
    for place in places:
        if place not in taken and cache.add(place, time.time() + seconds, timeout=seconds):
            return 0.0
    ends = cache.get_many(places).values()
    return max(1.0, min(ends, default=time.time()) - time.time())
