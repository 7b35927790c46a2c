"""Keeps a claim while its worker lives, so that what a dead worker held is taken over within seconds."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

import structlog
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from portal.operations.claims import Claim
from portal.operations.models import OperationItem
from portal.operations.progress import Progress

RENEW_SECONDS: Final = 5.0

log = structlog.get_logger(__name__)


@contextmanager
def kept(claim: Claim, progress: Progress) -> Iterator[None]:
    """Renew `claim` inside the context, by a thread, until its kind's time without a report is over."""
    ended = threading.Event()
    name = f"claim {claim.item.pk}"
    renewing = threading.Thread(target=_renew, args=(claim, progress, ended), name=name, daemon=True)
    renewing.start()
    try:
        yield
    finally:
        ended.set()
        renewing.join()


def _renew(claim: Claim, progress: Progress, ended: threading.Event) -> None:
    longest = claim.kind.claim_time.total_seconds()
    try:
        while not ended.wait(RENEW_SECONDS) and time.monotonic() - progress.reported_at < longest:
            try:
                if not _renewed(claim):
                    return
            except (DatabaseError, InterfaceError) as error:
                log.warning("operation.claim_not_renewed", item_id=claim.item.pk, error=str(error))
                connection.close()
    finally:
        connection.close()  # this thread's own


def _renewed(claim: Claim) -> bool:
    lease: timedelta = claim.kind.lease
    held = OperationItem.objects.filter(claim.held, pk=claim.item.pk)
    return bool(held.update(claim_expires_at=timezone.now() + lease))
