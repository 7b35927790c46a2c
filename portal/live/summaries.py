"""One plain line per event, for people: "Backup of Files on FIN-SRV-02 failed: quota"."""

import unicodedata
from typing import Any, Final

from comet.types import StreamableEvent
from portal.core.states import State
from portal.fleet.models import Device
from portal.jobs.merge import JobRow
from portal.jobs.states import word_of
from portal.jobs.words import kind_of
from portal.live.kinds import KINDS

LIMIT: Final = 255
UNREADABLE: Final = "Event that could not be read"

_NAMES: Final = ("Username", "FriendlyName", "Description", "Name", "AccountName")
"""Fields by which Comet's structures say what they are called."""

UNNAMED: Final = {"job": "A job"}

_VERBS: Final = {
    State.SUCCEEDED: "succeeded",
    State.WARNING: "ended with warnings",
    State.MISSED: "was missed",
    State.INTERRUPTED: "was interrupted",
    State.UNKNOWN: "ended",
}


def summary_of(event: StreamableEvent, *, job: JobRow | None, device: Device | None) -> str:
    """What happened, in one line without HTML, at most 255 characters."""
    if job is not None:
        return plain(f"{_job_name(job)} {_job_verb(job, ended=event.type != 4200)}")
    named = _name_in(event, device)
    kind = KINDS.get(event.type)
    if kind is not None:
        return plain(kind.line.format(named or UNNAMED.get(kind.group, "")))
    return plain(f"{event.type_string or f'Event {event.type}'} {named}")


def plain(text: str) -> str:
    """`text` on one line, without characters nobody sees."""
    visible = text
    if not text.isprintable():
        visible = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text)
    return " ".join(visible.split())[:LIMIT]


def _job_name(job: JobRow) -> str:
    of = f" of {job.item_name}" if job.item_name else ""
    on = f" on {job.device_name}" if job.device_name else f" for {job.username}" if job.username else ""
    return f"{kind_of(job.classification)}{of}{on}"


def _job_verb(job: JobRow, *, ended: bool) -> str:
    if not ended:
        return "started"
    state = State(job.state)
    if state in _VERBS:
        return _VERBS[state]
    word = word_of(job.status)
    word = word[:1].lower() + word[1:]
    return f"was {word}" if state == State.SKIPPED else word


def _name_in(event: StreamableEvent, device: Device | None) -> str:
    """What the event speaks of: the name in its data, else its resource, else who caused it."""
    if device is not None:
        return device.name
    data: Any = event.data
    if isinstance(data, dict):
        named = next((data[name] for name in _NAMES if isinstance(data.get(name), str) and data[name]), "")
        if named:
            return str(named)
    if isinstance(data, str) and data:
        return data
    kind = KINDS.get(event.type)
    if kind is not None and kind.group == "sign-in":
        return event.actor  # its resource is the path of the request
    named = event.resource_id or event.actor
    return named[:12] + "…" if kind is not None and kind.group == "device" and len(named) > 40 else named
