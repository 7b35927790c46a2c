"""Events as a Comet Server sends them."""

import json
from typing import Any

import msgspec
from django.utils import timezone

from comet.stream import BadFrame, StreamedEvent
from comet.types import StreamableEvent
from portal.live.ingest import Arrival

JOB_STARTED = 4200
JOB_ENDED = 4201
RUNNING = 6001
QUOTA = 7003
SUCCEEDED = 5000


def job(guid: str, status: int = RUNNING, *, device: Any = None, **fields: Any) -> dict[str, Any]:
    """A `BackupJobDetail`; `device` is the mirrored Device it runs on."""
    started = int(timezone.now().timestamp()) - 60
    data = {
        "GUID": guid,
        "Classification": 4001,
        "Status": status,
        "StartTime": started,
        "EndTime": started + 30 if status < 6000 or status >= 7000 else 0,
    }
    if device is not None:
        data |= {"Username": device.profile.username, "DeviceID": device.device_id}
    return data | fields


def arrival(position: int, type_number: Any, data: Any = None, **envelope: Any) -> Arrival:
    """A frame that holds an event."""
    text = json.dumps({"Type": type_number, "Data": data, **envelope})
    event = msgspec.json.decode(text, type=StreamableEvent)
    return Arrival(position, timezone.now(), StreamedEvent(event, text))


def bad_arrival(position: int, text: str = '{"Password": "hunter2"') -> Arrival:
    """A frame that holds none."""
    return Arrival(position, timezone.now(), BadFrame("DecodeError", text))
