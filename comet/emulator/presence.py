"""Which live connections there are: the seeded coming and going, and what API calls and orders did to it."""

from dataclasses import dataclass
from typing import Any

from comet.emulator import profiles
from comet.emulator.clock import Clock
from comet.emulator.connections import Turn, connection_at
from comet.emulator.draw import Draw
from comet.emulator.journal import Journal
from comet.emulator.population import Device

Wire = dict[str, Any]
_DOUBLED_SHARE = 0.02
_DOUBLED_SECONDS = 600
_BACK_AFTER = (15, 45)  # seconds after which a device whose connection was dropped is back


@dataclass(frozen=True, slots=True)
class LiveConnection:
    """A device that is connected right now."""

    turn: Turn
    device: Device


class Presence:
    """Asks the seed, then lays over it what was changed. Times are virtual Unix seconds."""

    def __init__(self, seed: int, clock: Clock, journal: Journal) -> None:
        self._seed = seed
        self._clock = clock
        self._journal = journal

    def turns_of(self, device: Device) -> list[Turn]:
        """A device's live connections now: none, one, or two while it is doubled."""
        turn = self.turn_of(device)
        if turn is None:
            return []
        if not self._is_doubled(device, turn):
            return [turn]
        return [turn, Turn(Draw(self._seed, "double", turn.guid).guid(), turn.begins_at, turn.ends_at)]

    def _is_doubled(self, device: Device, turn: Turn) -> bool:
        """By an order, or now and then for some minutes after a reconnect."""
        now = self._clock.now()
        if (self._journal.get("double", _key(device)) or 0) > now:
            return True
        lasts = turn.begins_at + _DOUBLED_SECONDS > now
        return lasts and Draw(self._seed, "doubled", turn.guid).chance(_DOUBLED_SHARE)

    def turn_of(self, device: Device) -> Turn | None:
        """The device's newest live connection; None while it is away."""
        now = self._clock.now()
        if self.is_kept_away(device, now):
            return None
        turn = connection_at(self._seed, device, now)
        away = self._journal.get("away", _key(device))
        if turn is None or away is None or turn.begins_at >= away["until"]:
            return turn
        return Turn(Draw(self._seed, "again", turn.guid, away["until"]).guid(), away["until"], turn.ends_at)

    def is_kept_away(self, device: Device, moment: float) -> bool:
        """Whether a call or an order ended its connection, and it is not back yet."""
        away = self._journal.get("away", _key(device))
        return away is not None and away["since"] <= moment < (away["until"] or float("inf"))

    def drop(self, device: Device) -> int:
        """End the connection; when the device is back."""
        now = self._clock.seconds()
        back_at = now + Draw(self._seed, "back", device.device_id, now).between(*_BACK_AFTER)
        self._journal.put("away", _key(device), {"since": now, "until": back_at})
        return back_at

    def silence(self, device: Device) -> None:
        """End the connection for good."""
        self._journal.put("away", _key(device), {"since": self._clock.seconds(), "until": 0})

    def let_back(self, device: Device) -> None:
        away = self._journal.get("away", _key(device))
        if away is not None:
            self._journal.put("away", _key(device), {**away, "until": self._clock.seconds()})

    def double(self, device: Device, seconds: float) -> None:
        """Let the device hold a second connection for a while, as after a disturbed network."""
        self._journal.put("double", _key(device), self._clock.now() + seconds)

    def returns_after(self, device: Device, moment: float) -> int | None:
        """When a device that was dropped will be back, if that is still to come."""
        away = self._journal.get("away", _key(device))
        return away["until"] if away is not None and away["until"] > moment else None


def connection_shown(device: Device, since: int) -> Wire:
    """LiveUserConnection."""
    return {
        "Username": device.username,
        "DeviceID": device.device_id,
        "ReportedVersion": device.version,
        "ReportedPlatform": device.platform_name,
        "ReportedPlatformVersion": profiles.os_info(device),
        "DeviceTimeZone": device.timezone,
        "IPAddress": device.address,
        "ConnectionTime": since,
        "AllowsFilenames": device.allows_filenames,
    }


def _key(device: Device) -> str:
    return f"{device.username}/{device.device_id}"
