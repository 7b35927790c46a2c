"""What a reader is shown of the chain: how one entry is sealed, and how the whole of it stands."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from portal.audit.chain import BEFORE_THE_FIRST, get_head
from portal.audit.checkpoint import get_checkpoint
from portal.audit.content import SEALED, content_of
from portal.audit.keys import audit_keys, key_problem, signer_of
from portal.audit.models import Entry, Segment
from portal.audit.verification import WAITS_AT_MOST

TOO_LONG: Final = timedelta(hours=50)
"""After this time without a verification the page says so."""


@dataclass(frozen=True)
class Standing:
    """A state with its shape and tone, and what to say of it."""

    shape: str
    tone: str
    word: str
    text: str = ""
    checked_at: datetime | None = None

    @property
    def is_alarm(self) -> bool:
        return self.tone == "red"


def standing_of(entry: Entry) -> Standing:
    """Whether an entry is sealed and matches its seal, looked at now."""
    if problem := key_problem():
        return Standing("hatch", "grey", "Cannot be checked", problem)
    if entry.number is None:
        if timezone.now() - entry.at <= WAITS_AT_MOST:
            return Standing("ring", "blue", "About to be sealed")
        return Standing("hollow-square", "amber", "Not sealed", "`manage.py audit verify` says why.")
    before = _mac_before(entry.number)
    if before is None:
        return Standing("square", "red", "The entry before is missing", "It was deleted past the portal.")
    content = content_of([getattr(entry, name) for name in SEALED])
    if signer_of(audit_keys(), entry.mac, "entry", before, entry.number, entry.stamp, content) is None:
        return Standing("square", "red", "Does not match its seal", "It was changed past the portal.")
    return Standing("disc", "green", "Matches its seal")


def standing_of_chain() -> Standing:
    """How the whole chain stands, by what the nightly verification found."""
    if problem := key_problem():
        return Standing("square", "red", "Entries are not sealed", problem)
    checkpoint = get_checkpoint()
    if checkpoint.problems:
        more = len(checkpoint.problems) - 1
        text = checkpoint.problems[0] + (f" And {more} more." if more else "")
        text += " Run `manage.py audit verify`."
        return Standing("square", "red", "The audit does not verify", text, checkpoint.checked_at)
    oldest = Entry.objects.filter(number__isnull=True).order_by("pk").values_list("at", flat=True).first()
    if oldest is not None and timezone.now() - oldest > WAITS_AT_MOST:
        return Standing(
            "hollow-square",
            "amber",
            "Entries wait for their seal",
            f"The oldest is from {oldest:%Y-%m-%d %H:%M} UTC. `manage.py audit verify` says why.",
        )
    if checkpoint.intact_at is None:
        return Standing("hatch", "grey", "Not verified yet", "It is verified every night.")
    text = f"Entries 1 to {checkpoint.number} of {get_head().number}."
    if timezone.now() - checkpoint.intact_at > TOO_LONG:
        text += " The worker or beat may not run."
        return Standing("hatch", "grey", "Not verified since", text, checkpoint.intact_at)
    return Standing("disc", "green", "Verified", text, checkpoint.intact_at)


def _mac_before(number: int) -> str | None:
    if number == 1:
        return BEFORE_THE_FIRST
    mac = Entry.objects.filter(number=number - 1).values_list("mac", flat=True).first()
    if mac is None:
        mac = (
            Segment.objects.filter(last_number=number - 1, removed_at__isnull=False)
            .values_list("last_mac", flat=True)
            .first()
        )
    return mac
