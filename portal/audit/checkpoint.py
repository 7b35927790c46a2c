"""What the nightly verification found, kept for the audit page."""

import structlog
from django.utils import timezone

from portal.audit.keys import audit_keys, sign, signer_of
from portal.audit.models import Checkpoint
from portal.audit.verification import Kept, Report, verify

log = structlog.get_logger(__name__)


def check(*, whole: bool = False) -> Report:
    """Verify what came since the chain was last found intact, or all of it, and keep the result.

    A checkpoint that was tampered with is not relied on: the whole chain is verified then. One that was
    not is compared with the chain in either case: a chain put back to how it was earlier is sealed well.
    """
    checkpoint = get_checkpoint()
    found = _trusted(checkpoint)
    report = verify(after=None if whole else found, kept=found)
    checkpoint.checked_at = timezone.now()
    checkpoint.problems = report.findings[:20]
    if report.intact:
        checkpoint.number, checkpoint.mac = report.head.number, report.head.mac
        checkpoint.intact_at = checkpoint.checked_at
        checkpoint.seal = sign(audit_keys()[0], "checkpoint", checkpoint.number, checkpoint.mac)
        log.info("audit.intact", number=checkpoint.number, mac=checkpoint.mac, checked=report.checked)
    else:
        log.error("audit.not_intact", findings=report.findings)
    checkpoint.save()
    return report


def get_checkpoint() -> Checkpoint:
    return Checkpoint.objects.filter(pk=1).first() or Checkpoint(pk=1)


def _trusted(checkpoint: Checkpoint) -> Kept | None:
    signed = signer_of(audit_keys(), checkpoint.seal, "checkpoint", checkpoint.number, checkpoint.mac)
    return Kept(checkpoint.number, checkpoint.mac) if signed is not None else None
