"""When a device holds a live connection: a pure function of the seed and the time.

A device's time is cut into turns of a few hours. Each turn opens with a reconnect, so the connection gets
a new GUID; before it there is a pause of seconds or minutes in which the device is away.
"""

from dataclasses import dataclass
from functools import cache, lru_cache

from comet.emulator.draw import Draw
from comet.emulator.population import Device

_CACHED_TURNS = 50_000


@dataclass(frozen=True, slots=True)
class Turn:
    """One stay of a device: connected from `begins_at` to `ends_at` (Unix seconds) under `guid`."""

    guid: str
    begins_at: int
    ends_at: int


def turn_at(seed: int, device: Device, moment: float) -> Turn:
    """The turn that contains `moment`; its connection may not have opened yet."""
    length, phase = _rhythm(seed, device.device_id)
    return _turn(seed, device.device_id, (int(moment) + phase) // length)


@cache
def _rhythm(seed: int, device_id: str) -> tuple[int, int]:
    """How long a device's turns are, and by how much they are shifted, in seconds."""
    draw = Draw(seed, "connection", device_id)
    length = draw.between(2 * 3600, 6 * 3600)
    return length, draw.between(0, length)


@lru_cache(maxsize=_CACHED_TURNS)
def _turn(seed: int, device_id: str, number: int) -> Turn:
    length, phase = _rhythm(seed, device_id)
    starts = number * length - phase
    draw = Draw(seed, "connection", device_id, number)
    pause = draw.between(5, 90) if draw.chance(0.8) else draw.between(120, 1500)
    return Turn(guid=draw.guid(), begins_at=starts + pause, ends_at=starts + length)


def never_connects(device: Device) -> bool:
    """Devices that are switched off, lost, or died."""
    return device.standout in {"offline", "silent", "stuck"}


def connection_at(seed: int, device: Device, moment: float) -> Turn | None:
    """The live connection of a device, or None while it is away."""
    if never_connects(device):
        return None
    turn = turn_at(seed, device, moment)
    return turn if turn.begins_at <= moment < turn.ends_at else None
