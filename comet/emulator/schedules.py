"""Schedules that API writes made or changed: when they fire, and what becomes of it.

The schedules of the seed are not here: `plan.py` derives their jobs day by day. Times of day are UTC.
"""

from collections.abc import Iterator
from typing import Any

from comet.emulator.job import MISSED, SKIPPED, Job
from comet.emulator.population import DAY, Device
from comet.emulator.server import Server

Wire = dict[str, Any]
_ONCE, _DAILY, _HOURLY, _WEEKLY, _PERIODIC = 8010, 8011, 8012, 8013, 8015
_WEEK = 7 * DAY
_FIRST_SUNDAY = 3 * DAY  # 1970-01-04
Due = tuple[Device, str, str, str]


def due(server: Server, minute: int) -> Iterator[Due]:
    """Device, Protected Item, Storage Vault and rule of each schedule that fires in a minute since 1970."""
    for username, rules in server.profiles.made_rules():
        profile = server.profiles.stored(username) or {}
        for guid, rule in rules.items():
            source = profile["Sources"].get(rule["Source"])
            device = server.fleet.get(username, source["OwnerDevice"]) if source else None
            fires = any(_fires(schedule, minute) for schedule in rule["Schedules"])
            if device is not None and fires and rule["Destination"] in profile["Destinations"]:
                yield device, rule["Source"], rule["Destination"], guid


def start(server: Server, device: Device, source: str, destination: str, rule: str, at: int) -> Job:
    """The job a schedule starts at that moment: skipped if one is under way, missed if the device is away."""
    config = (server.profiles.stored(device.username) or {})["BackupRules"][rule]
    status = None
    if server.turn_of(device) is None:
        status = MISSED
    elif config["SkipAlreadyRunning"] and server.is_backing_up(device, source, destination):
        status = SKIPPED
    return server.jobs.started.start(
        device=device,
        item=server.item(device, source, rule),
        vault=server.vault(device, destination),
        by_schedule=True,
        seconds=None if status is None else 0,
        status=status,
        at=at,
    )


def _fires(schedule: Wire, minute: int) -> bool:
    begins, past = minute * 60, schedule["SecondsPast"]
    kind, offset = schedule["FrequencyType"], schedule.get("Offset", 0)
    if kind == _ONCE:
        return bool(begins <= past < begins + 60)
    if kind == _DAILY:
        return bool(begins % DAY <= past < begins % DAY + 60)
    if kind == _HOURLY:
        return bool(begins % 3600 <= past % 3600 < begins % 3600 + 60)
    if kind == _WEEKLY:
        at = (begins - _FIRST_SUNDAY) % _WEEK
        return bool(at <= offset * DAY + past < at + 60)
    return bool(kind == _PERIODIC and past >= 60 and begins % past < 60)
