"""The audit's background work. All of it is safe to do twice."""

from celery import shared_task

from portal.audit import checkpoint, retention
from portal.audit.chain import chain
from portal.audit.repeats import close_over
from portal.core.locks import held_while_alive


@shared_task(soft_time_limit=60)
def sweep() -> None:
    """Write the ends of failures that were counted, and seal what a killed process left."""
    close_over()
    chain()


@shared_task(soft_time_limit=6 * 3600)
def verify(whole: bool = False) -> None:
    """Verify what came since the last time, or everything; the audit page shows the result."""
    with held_while_alive("audit-verify") as mine:
        if mine:
            checkpoint.check(whole=whole)


@shared_task(soft_time_limit=6 * 3600)
def retain() -> None:
    """Close the month that is over, and remove those that are older than they are kept."""
    with held_while_alive("audit-retain") as mine:
        if mine:
            retention.seal_months()
            retention.prune()
