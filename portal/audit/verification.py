"""Finds out whether the audit is as the portal wrote it, and where it is not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from django.db.models import Max
from django.utils import timezone

from portal.audit import chain, guards
from portal.audit.content import SEALED, content_of
from portal.audit.keys import audit_keys, key_problem, sign, signer_of
from portal.audit.models import Entry, Head, Segment

CHUNK: Final = 2000
MOST_FINDINGS: Final = 100
WAITS_AT_MOST: Final = timedelta(minutes=1)
"""How long an entry may wait for its seal before it is reported."""


@dataclass
class Report:
    """What a verification looked at, and each thing that is not as it was written."""

    findings: list[str] = field(default_factory=list)
    left_out: int = 0
    """Findings beyond the first hundred."""
    checked: int = 0
    head: Head = field(default_factory=Head)
    waiting: int = 0
    """Entries not sealed yet, that need not be."""

    @property
    def intact(self) -> bool:
        return not self.findings

    def find(self, text: str) -> None:
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(text)
        else:
            self.left_out += 1


@dataclass(frozen=True)
class Kept:
    """The head of the chain as it was at some time: kept where nobody of the database reaches, or signed."""

    number: int
    mac: str


def verify(*, after: Kept | None = None, kept: Kept | None = None) -> Report:
    """Check every seal, or those after a place found intact; and the head against one kept earlier.

    Reads in short queries, so that it may run while people work.
    """
    report = Report()
    if problem := key_problem():
        report.find(problem)
        return report
    last = Entry.objects.aggregate(last=Max("number"))["last"] or 0  # before the head, which only grows
    report.head = chain.get_head()
    if not chain.head_fits(report.head, audit_keys()):
        report.find(
            "The head of the chain does not match its seal: it was changed, or AUDIT_KEY is not the key"
            " that sealed it. Nothing is sealed until this is put right."
        )
    if not guards.are_up():
        report.find(
            "The database does not refuse changes to the audit: its triggers are gone."
            " `manage.py migrate` puts them up again."
        )
    _Walk(report, after).run()
    if last > report.head.number:
        report.find(f"Entry {last} is beyond the head of the chain ({report.head.number}): inserted.")
    _look_at_waiting(report)
    if kept is not None:
        _compare(report, kept)
    return report


class _Walk:
    """Goes through the chain in its order, from the first entry that is still there."""

    def __init__(self, report: Report, after: Kept | None) -> None:
        self._report = report
        self._keys = audit_keys()
        self._key = len(self._keys) - 1
        """The place of the key in use at this point of the chain; newer ones come first."""
        self._before: str | None = chain.BEFORE_THE_FIRST
        """The mac of the entry before; None where it is gone."""
        self._expected = 1
        self._segments = self._trusted_segments()
        self._edges = {one.first_number: one.first_mac for one in self._segments}
        self._edges |= {one.last_number: one.last_mac for one in self._segments}
        if after is not None:
            self._expected, self._before = after.number + 1, after.mac

    def run(self) -> None:
        head = self._report.head
        for number, mac, stamp, values in _rows(self._expected - 1, head.number):
            if number > self._expected:
                self._pass_removed(number)
            if number > self._expected:
                self._say_missing(self._expected, number - 1)
                self._before = None
            self._check(number, mac, stamp, values)
            self._before, self._expected = mac, number + 1
        if self._expected <= head.number:
            self._pass_removed(head.number + 1)
        if self._expected <= head.number:
            self._say_missing(self._expected, head.number)
        elif head.number and self._before not in (None, head.mac):
            self._report.find(f"The last entry, {head.number}, is not the one the head was sealed with.")

    def _check(self, number: int, mac: str, stamp: str, values: tuple[Any, ...]) -> None:
        self._report.checked += 1
        if self._edges.get(number, mac) != mac:
            self._report.find(f"Entry {number} is not the one its segment was sealed with.")
        if self._before is None:  # what it was sealed with is gone, and said to be
            return
        content = content_of(values)
        parts = (self._before, number, stamp, content)
        place = signer_of(self._keys[: self._key + 1], mac, "entry", *parts)
        if place is None:
            self._report.find(
                f"Entry {number} ({_said(values)}) does not match its seal:"
                " changed, inserted or moved after it was written."
            )
        else:
            self._key = place

    def _trusted_segments(self) -> list[Segment]:
        """The segments that match their seal; what is wrong with the others, or between them, is said."""
        trusted, end = [], 0
        for segment in Segment.objects.order_by("first_number"):
            if signer_of(self._keys, segment.seal, "segment", *segment_parts(segment)) is None:
                self._report.find(f"The segment {segment} does not match its seal: changed or inserted.")
                continue
            if segment.first_number != end + 1:
                self._report.find(
                    f"A segment before {segment} is missing: {end + 1} to {segment.first_number - 1}."
                )
            end = segment.last_number
            trusted.append(segment)
        return trusted

    def _pass_removed(self, number: int) -> None:
        """Step over the segments that retention has removed, up to `number`.

        Of one whose removal was interrupted the rest is there still; it hangs by the segment's end.
        """
        for segment in self._segments:
            if (
                segment.removed_at is None
                or not segment.first_number <= self._expected <= segment.last_number
            ):
                continue
            if number > segment.last_number:
                self._expected, self._before = segment.last_number + 1, segment.last_mac
            else:
                self._expected, self._before = number, None

    def _say_missing(self, first: int, last: int) -> None:
        which = f"Entry {first} is" if first == last else f"Entries {first} to {last} are"
        self._report.find(f"{which} missing: deleted.")


def _rows(after: int, last: int) -> Iterator[tuple[int, str, str, tuple[Any, ...]]]:
    sealed = Entry.objects.order_by("number")
    while True:
        chunk = list(
            sealed.filter(number__gt=after, number__lte=last).values_list("number", "mac", "stamp", *SEALED)[
                :CHUNK
            ]
        )
        for number, mac, stamp, *values in chunk:
            yield number, mac, stamp, tuple(values)
        if len(chunk) < CHUNK:
            return
        after = chunk[-1][0]


def _said(values: Sequence[Any]) -> str:
    """An entry in a finding: what, which half, when, and the row to look at."""
    entry = dict(zip(SEALED, values, strict=True))
    return f"{entry['action']} {entry['phase']}, {entry['at']:%Y-%m-%d %H:%M:%S} UTC, id {entry['id']}"


def _look_at_waiting(report: Report) -> None:
    keys = audit_keys()
    waiting = Entry.objects.filter(number__isnull=True).order_by("pk")
    for *values, stamp in waiting.values_list(*SEALED, "stamp").iterator(CHUNK):
        entry = dict(zip(SEALED, values, strict=True))
        said = f"An entry ({_said(values)})"
        if not stamp and entry["id"] > report.head.adopts_below:
            report.find(
                f"{said} is not sealed and bears no stamp: it was inserted, or written while the portal"
                " had no audit key. If it was the latter, `manage.py audit adopt` takes it in."
            )
        elif stamp and signer_of(keys, stamp, "stamp", content_of(values)) is None:
            report.find(f"{said} is not sealed and its stamp does not match: inserted or changed.")
        elif timezone.now() - entry["at"] > WAITS_AT_MOST:
            report.find(f"{said} waits for its seal for more than a minute: the worker or beat does not run.")
        else:
            report.waiting += 1


def _compare(report: Report, kept: Kept) -> None:
    head = report.head
    if kept.number > head.number:
        report.find(
            f"The chain ends at {head.number}, the head kept earlier at {kept.number}:"
            " the newest were deleted."
        )
        return
    mac = Entry.objects.filter(number=kept.number).values_list("mac", flat=True).first()
    if mac is None:
        removed = Segment.objects.filter(
            removed_at__isnull=False, first_number__lte=kept.number, last_number__gte=kept.number
        ).first()
        if removed is not None and removed.last_number != kept.number:
            report.find(
                f"The head kept earlier, {kept.number}, lies in the removed segment {removed}:"
                " it cannot be compared. Keep a newer one."
            )
            return
        mac = removed.last_mac if removed else None
    if kept.number and mac != kept.mac:
        report.find(
            f"Entry {kept.number} is not the one of the head kept earlier: the chain was written anew."
        )


def segment_parts(segment: Segment) -> tuple[str | int, ...]:
    """What a segment's seal covers."""
    return (
        segment.month.isoformat(),
        segment.first_number,
        segment.last_number,
        segment.first_mac,
        segment.last_mac,
        segment.sealed_at.isoformat(),
        segment.removed_at.isoformat() if segment.removed_at else "",
    )


def seal_segment(segment: Segment) -> None:
    """Give a segment the seal of what it says now."""
    segment.seal = sign(audit_keys()[0], "segment", *segment_parts(segment))
