"""Which processes of the portal are alive: each says so now and then, by the database's clock.

The clocks of two machines need not agree, so no machine's own clock is compared with another's.
"""

import os
import socket
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

from django.db.models import QuerySet
from django.db.models.expressions import Combinable
from django.db.models.functions import Now

from portal.core.models import Heartbeat

FORGET_AFTER: Final = timedelta(hours=1)
"""A process that ended without a word is listed as silent for so long."""


def name_of_this_process() -> str:
    """Unique among all processes that ever ran."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid4().hex[:8]}"


def from_now(duration: timedelta) -> Combinable:
    """A point in time on the database's clock, for queries and updates."""
    return Now() + duration


def say_alive(kind: str, holder: str, figures: Mapping[str, Any] | None = None) -> None:
    """Note that the process `holder` is alive, with what it tells of itself."""
    told = dict(figures or {})
    if not Heartbeat.objects.filter(holder=holder).update(seen_at=Now(), figures=told):
        Heartbeat.objects.create(kind=kind, holder=holder, started_at=Now(), seen_at=Now(), figures=told)
        Heartbeat.objects.filter(seen_at__lt=from_now(-FORGET_AFTER)).delete()


def alive(kind: str, *, within: timedelta) -> QuerySet[Heartbeat]:
    """The processes of `kind` that said something `within` this time."""
    return Heartbeat.objects.filter(kind=kind, seen_at__gt=from_now(-within)).order_by("started_at", "pk")


def alive_kinds(*, within: timedelta) -> set[str]:
    """The kinds of which at least one process said something `within` this time."""
    told = Heartbeat.objects.filter(seen_at__gt=from_now(-within))
    return set(told.order_by().values_list("kind", flat=True).distinct())


def forget(holder: str) -> None:
    """The process ends, and says so."""
    Heartbeat.objects.filter(holder=holder).delete()
