"""The kinds of Operation. Each room registers its own; the engine knows none.

A room imports the modules that register from its `AppConfig.ready`, so that every process knows them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from portal.core.access import PERMISSIONS
from portal.operations.models import Operation, OperationItem

if TYPE_CHECKING:
    from portal.operations.progress import Progress

CLAIM_TIME: Final = timedelta(seconds=90)
"""How long an item stays with a worker that says nothing; longer than a client's call may take."""

LEASE: Final = timedelta(seconds=20)
"""How long it stays with one that has died; a worker that lives renews it (`keeping`)."""


@dataclass(frozen=True, slots=True)
class Done:
    """The item is done. `text` is what people read beside it."""

    result: dict[str, Any] = field(default_factory=dict)
    text: str = ""


@dataclass(frozen=True, slots=True)
class Follow:
    """A Job was started; the item ends as that Job ends."""

    server_id: int
    guid: str
    text: str = ""


Outcome = Done | Follow
Run = Callable[[OperationItem, "Progress"], Outcome]
Recover = Callable[[OperationItem], Outcome | None]
CancelFollowed = Callable[[Operation, Sequence[OperationItem], Any], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of Operation: how it runs, and what may be done when a worker dies over it."""

    name: str
    permission: str
    repeatable: bool
    queue: str
    claim_time: timedelta
    check: str
    run: Run

    @property
    def lease(self) -> timedelta:
        """For how long a claim is taken or renewed."""
        return min(self.claim_time, LEASE)


_kinds: dict[str, Kind] = {}
_recover: dict[str, Recover] = {}
_cancel_followed: dict[str, CancelFollowed] = {}


def operation(
    name: str,
    *,
    permission: str,
    repeatable: bool,
    queue: Literal["default", "bulk"] = "default",
    claim_time: timedelta = CLAIM_TIME,
    check: str = "Look at the Comet Server whether it was done before you start it again.",
) -> Callable[[Run], Run]:
    """Register the decorated function as what one item of this kind does.

    It runs in a worker for one claimed item, after the permission of who started it was checked
    again for the item's Tenant. It raises ItemFailed or a comet.CometError when it cannot be done.

    Args:
        permission: what who started it must hold in each item's Tenant.
        repeatable: whether doing it twice does no harm. Repeatable items are tried again when the
            server does not answer and when a worker dies; others become uncertain.
        claim_time: how long it may run between two reports of progress.
        check: what to look at when an item that is not repeatable has become uncertain.
    """
    if permission not in PERMISSIONS:
        raise LookupError(f"{permission!r} is not in the permission table")

    def register(run: Run) -> Run:
        if name in _kinds and _kinds[name].run.__module__ != run.__module__:
            raise LookupError(f"the kind {name!r} is registered twice")
        _kinds[name] = Kind(name, permission, repeatable, queue, claim_time, check, run)
        return run

    return register


def recovers(name: str) -> Callable[[Recover], Recover]:
    """Register how to find out, for a kind that is not repeatable, what became of an item whose
    worker died or whose answer was lost. It calls the server, and gives None when it found nothing.
    """

    def register(recover: Recover) -> Recover:
        _recover[name] = recover
        return recover

    return register


def cancels(name: str) -> Callable[[CancelFollowed], CancelFollowed]:
    """Register what is asked when items that follow a Job are cancelled: `(operation, items, user)`.

    It is called in the cancelling request: it starts an Operation and calls no server.
    """

    def register(cancel: CancelFollowed) -> CancelFollowed:
        _cancel_followed[name] = cancel
        return cancel

    return register


def get_kind(name: str) -> Kind:
    """The kind of that name.

    Raises:
        LookupError: no room has registered it.
    """
    try:
        return _kinds[name]
    except KeyError:
        raise LookupError(f"no room has registered the kind {name!r}") from None


def recover_of(name: str) -> Recover | None:
    return _recover.get(name)


def cancel_followed_of(name: str) -> CancelFollowed | None:
    return _cancel_followed.get(name)
