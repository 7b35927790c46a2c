"""How far one claimed item is; also its worker's sign of life."""

import time
import uuid
from contextlib import suppress
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from portal.core.events import publish
from portal.operations.errors import ClaimLost, OperationCancelled
from portal.operations.models import Operation, OperationItem
from portal.operations.totals import show_progress

WRITE_EVERY: Final = 0.3
"""Seconds between two writes of progress; reports in between are kept for the next."""


class Progress:
    """Handed to a kind's function for the item it works on."""

    def __init__(self, item: OperationItem, token: uuid.UUID, lease: timedelta) -> None:
        self._item = item
        self._token = token
        self._lease = lease
        self.reported_at = time.monotonic()
        """When there was news last, by the monotonic clock."""
        self._written_at = 0.0
        self._written = (item.progress_done, item.progress_total, item.progress_text)
        self.done, self.total, self.text = self._written

    def report(self, *, done: int | None = None, total: int | None = None, text: str | None = None) -> None:
        """Say how far the item is; what is not given stays. Also without news it keeps the claim.

        Raises:
            OperationCancelled: somebody cancelled the Operation. Let it pass.
            ClaimLost: another worker holds the item by now. Let it pass.
        """
        self.reported_at = time.monotonic()
        self.done = self.done if done is None else done
        self.total = self.total if total is None else total
        self.text = self.text if text is None else text[:255]
        complete = self.total > 0 and self.done >= self.total and self._written[0] != self.done
        if complete or time.monotonic() - self._written_at >= WRITE_EVERY:
            self._write()

    def flush(self) -> None:
        """Write what was reported since the last write: where the work stands now that it has stopped."""
        if (self.done, self.total, self.text) != self._written:
            with suppress(OperationCancelled, ClaimLost):
                self._write()

    def _write(self) -> None:
        now = timezone.now()
        news = (self.done, self.total, self.text)
        columns: dict[str, object] = {"claim_expires_at": now + self._lease}
        if news != self._written:
            columns |= {
                "progress_done": self.done,
                "progress_total": self.total,
                "progress_text": self.text,
                "progress_at": now,
                "stalled": False,
            }
        operation = self._item.operation
        with transaction.atomic():
            held = OperationItem.objects.filter(
                pk=self._item.pk, state=OperationItem.State.CLAIMED, claim_token=self._token
            ).update(**columns)
            if held and news != self._written:
                show_progress(operation, self.done, self.total, self.text)
                publish(
                    "operation.changed",
                    tenant_id=operation.tenant_id,
                    operation=operation.pk,
                    item=self._item.pk,
                )
        if not held:
            raise ClaimLost(self._item.pk)
        self._written, self._written_at = news, time.monotonic()
        if Operation.objects.filter(pk=operation.pk, cancel_requested_at__isnull=False).exists():
            raise OperationCancelled
