"""The door through which a suspended Tenant's users are suspended on their Comet Servers, too.

What Comet Servers hold belongs to `fleet`, a later room; it hands its functions in when the process
starts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from portal.core.access import Access
from portal.operations.models import Operation
from portal.tenants.models import Tenant

Count = Callable[[Tenant, Access], int]
Start = Callable[[Tenant, Access, Any, str | None], Operation | None]
"""Called with who asks, and from which address; None where there is nothing to do."""


@dataclass(frozen=True, slots=True)
class CometUsers:
    """How many users of a Tenant, with all below it, there are to suspend and to resume; and doing it."""

    to_suspend: Count
    to_resume: Count
    suspend: Start
    resume: Start


_doors: list[CometUsers] = []


def use_comet_users(door: CometUsers) -> None:
    """Take `door` as the way to users of Comet Servers. Called once, from `fleet`."""
    _doors[:] = [door]


def comet_users() -> CometUsers:
    (door,) = _doors
    return door
