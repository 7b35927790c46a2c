"""Runs one item: claim, permission, the kind's function, and what its end means."""

from datetime import timedelta
from typing import Final

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q
from django.utils import timezone

import comet
from portal.core.encryption import SecretUnreadable
from portal.core.events import publish
from portal.operations.claims import Claim, take
from portal.operations.endings import end_item
from portal.operations.errors import ClaimLost, ItemFailed, OperationCancelled, OutcomeUnknown
from portal.operations.following import follow
from portal.operations.keeping import kept
from portal.operations.models import OperationItem
from portal.operations.permission import require_permission
from portal.operations.progress import Progress
from portal.operations.queueing import queue_next
from portal.operations.registry import Follow, Outcome, recover_of

Item = OperationItem.State

MAX_ATTEMPTS: Final = 10
"""Tries of a repeatable item: about half an hour."""

MAX_LOOKS: Final = 5
"""Attempts, the first call among them, before an unknown outcome is left to a person."""

MAX_LOOKS_IN_VAIN: Final = 4
"""The same where the server did answer, and knows of nothing that could be it."""

FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(minutes=5)

NOT_SENT: Final = (comet.NameNotFound, comet.ConnectionRefused, comet.AddressRefused, comet.TLSError)
"""Errors after which the server certainly knows nothing of the call."""

PASSING: Final = (comet.ConnectionFailed, comet.ServerError, comet.RateLimited)
"""Errors that may be over at the next try."""

LASTING: Final = (comet.AddressRefused, comet.TLSError)
"""Those among them that a next try will not mend."""

ANSWERED: Final = (comet.APIError, comet.BadAddress)
"""Errors that say the server did not do it, save for ServerError."""

log = structlog.get_logger(__name__)


def run(item_id: int) -> None:
    """Do one item if it is to be had. Whatever happens is written to it; nothing is raised."""
    try:
        claim = take(item_id)
    except LookupError as error:  # a kind that this release does not have
        _fail_unknown_kind(item_id, str(error))
        return
    if claim is None:
        return
    progress = Progress(claim.item, claim.token, claim.kind.lease)
    try:
        with kept(claim, progress):
            outcome = _work(claim, progress)
    except OperationCancelled:
        end_item(claim.item, Item.CANCELLED, where=claim.held)
    except ClaimLost:
        log.warning("operation.claim_lost", item_id=item_id)
    except ItemFailed as error:
        end_item(claim.item, Item.FAILED, where=claim.may_answer, error=str(error))
    except OutcomeUnknown as error:
        _look_again(claim, str(error), most=MAX_LOOKS_IN_VAIN, pause=FIRST_PAUSE)
    except comet.CometError as error:
        _answer_for(claim, error)
    except SecretUnreadable as error:  # secrets are opened before anything is asked of a server
        log.warning("operation.secret_unreadable", item_id=item_id)
        text = f"The stored credential cannot be read, so nothing was asked of the server. {error}"
        end_item(claim.item, Item.FAILED, where=claim.held, error=text)
    except (OperationalError, InterfaceError) as error:
        log.warning("operation.database_failed", item_id=item_id, error=str(error))
        _crashed(claim, passing=True)
    except Exception:
        log.exception("operation.item_crashed", item_id=item_id, kind=claim.kind.name)
        _crashed(claim, passing=False)
    else:
        _record(claim, progress, outcome)
    queue_next(claim.item.operation_id)


def _work(claim: Claim, progress: Progress) -> Outcome:
    if not claim.outcome_unknown:
        require_permission(claim.item, claim.kind.permission)
        try:
            return claim.kind.run(claim.item, progress)
        except (comet.CometError, ItemFailed):
            progress.flush()
            raise
    recover = recover_of(claim.kind.name)
    outcome = recover(claim.item) if recover else None
    if outcome is None:
        raise OutcomeUnknown("The answer to this call was lost.")
    return outcome


def _record(claim: Claim, progress: Progress, outcome: Outcome) -> None:
    if isinstance(outcome, Follow):
        written = follow(claim.item, outcome, where=claim.may_answer)
    else:
        written = end_item(
            claim.item,
            Item.SUCCEEDED,
            where=claim.may_answer,
            result=outcome.result,
            progress_done=progress.total or progress.done,
            progress_total=progress.total,
            progress_text=(outcome.text or progress.text)[:255],
        )
    if not written:
        log.warning("operation.late_answer", item_id=claim.item.pk)


def _answer_for(claim: Claim, error: comet.CometError) -> None:
    """A call failed: try again, fail, or find out what became of it."""
    text = for_people(claim.item, error)
    answered = isinstance(error, ANSWERED) and not isinstance(error, comet.ServerError)
    if claim.kind.repeatable:
        passing = isinstance(error, PASSING) and not isinstance(error, LASTING)
        if passing and claim.item.attempts < MAX_ATTEMPTS:
            _try_again(claim, text)
        else:
            end_item(claim.item, Item.FAILED, where=claim.held, error=text)
    elif not claim.outcome_unknown and (answered or isinstance(error, NOT_SENT)):
        end_item(claim.item, Item.FAILED, where=claim.held, error=text)
    else:
        _look_again(claim, text, most=MAX_LOOKS, pause=pause_after(claim.item.attempts))


def _crashed(claim: Claim, *, passing: bool) -> None:
    """Something went wrong here: try again what may be over soon, where that does no harm."""
    if passing and claim.kind.repeatable and claim.item.attempts < MAX_ATTEMPTS:
        _try_again(claim, "The portal's database did not answer.")
        return
    state = Item.FAILED if claim.kind.repeatable else Item.UNCERTAIN
    text = f"Something went wrong in the portal itself; its log says more of item {claim.item.pk}."
    end_item(claim.item, state, where=claim.held, error=text)


def _try_again(claim: Claim, text: str) -> None:
    _postpone(
        claim,
        state=Item.PENDING,
        claim_token=None,
        claim_expires_at=None,
        run_after=timezone.now() + pause_after(claim.item.attempts),
        error=text,
    )


def _look_again(claim: Claim, text: str, *, most: int, pause: timedelta) -> None:
    """Let the claim run out soon, so that a next attempt finds out what became of the call."""
    if recover_of(claim.kind.name) is None or claim.item.attempts >= most:
        end_item(claim.item, Item.UNCERTAIN, where=claim.held, error=f"{text} {claim.kind.check}")
        return
    _postpone(
        claim,
        claim_expires_at=timezone.now() + pause,
        error=text,
        progress_text="Finding out what became of it",
    )


def _postpone(claim: Claim, **columns: object) -> None:
    operation = claim.item.operation
    with transaction.atomic():
        if OperationItem.objects.filter(claim.held, pk=claim.item.pk).update(queued_at=None, **columns):
            publish(
                "operation.changed",
                tenant_id=operation.tenant_id,
                operation=operation.pk,
                item=claim.item.pk,
            )


def _fail_unknown_kind(item_id: int, text: str) -> None:
    item = OperationItem.objects.filter(pk=item_id).first()
    if item is not None:
        end_item(item, Item.FAILED, where=~Q(state__in=OperationItem.ENDED), error=text)


def pause_after(attempts: int) -> timedelta:
    """5, 10, 20 ... seconds, at most 5 minutes."""
    return min(FIRST_PAUSE * (1 << max(0, attempts - 1)), LONGEST_PAUSE)


def for_people(item: OperationItem, error: comet.CometError) -> str:
    """What a failed call says beside its item: the server by its name, not by its address."""
    said = error.message.rstrip(".")
    number = error.status if error.status is not None else error.http_status
    return f"{item.news_from}: {said}{f' ({number})' if number is not None else ''}."
