"""Audit file streams: events as lines of JSON, in files that the configuration names.

The files lie in the folder `audit` of `--data`, whatever folder their configured names speak of: one a day,
`NAME-2025-06-15.log`. With PruningEnabled those go that are older than PruningLimit days, or than the
PruneLogsAfterDays of the server if that is 0. Without `--data` nothing is written.
"""

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import msgspec

from comet.emulator.clock import Clock
from comet.emulator.settings import Settings
from comet.emulator.tenants import Organizations

Wire = dict[str, Any]
_DATED = re.compile(r"(?P<prefix>.*)-(?P<day>\d{4}-\d{2}-\d{2})\.log")


class AuditFiles:
    """Reads AuditFileOptions of the server and of each organization whenever an event passes."""

    def __init__(
        self, settings: Settings, organizations: Organizations, clock: Clock, data: Path | None
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._organizations = organizations
        self._folder = data / "audit" if data else None

    def wants(self, event_type: int, organization_id: str) -> bool:
        return self._folder is not None and bool(self._options(event_type, organization_id))

    def take(self, event: Wire) -> None:
        for option in self._options(event.get("Type", 0), event.get("OwnerOrganizationID", "")):
            told = event
            if option.get("Level") == "none":
                told = {name: value for name, value in event.items() if name != "Data"}
            self._append(option, msgspec.json.encode(told) + b"\n")

    def _append(self, option: Wire, line: bytes) -> None:
        prefix = PureWindowsPath(PurePosixPath(option["Filename"]).name).name
        if self._folder is None or not prefix:
            return
        today = datetime.fromtimestamp(self._clock.seconds(), UTC).date()
        path = self._folder / f"{prefix}-{today}.log"
        if not path.exists():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._prune(option, prefix, today)
        with path.open("ab") as file:
            file.write(line)

    def _prune(self, option: Wire, prefix: str, today: date) -> None:
        """A day began: remove the files of days that are not to be kept any more."""
        days = option.get("PruningLimit") or self._settings["AuthenticationRole"]["PruneLogsAfterDays"]
        if self._folder is None or not option.get("PruningEnabled") or days <= 0:
            return
        for path in self._folder.iterdir():
            written = _DATED.fullmatch(path.name)
            if written is None or written["prefix"] != prefix:
                continue
            if date.fromisoformat(written["day"]) < today - timedelta(days=days):
                path.unlink()

    def _options(self, event_type: int, organization_id: str) -> list[Wire]:
        found = list(self._settings.section("", "AuditFileOptions").values())
        if organization_id and self._organizations.get(organization_id) is not None:
            found += self._settings.section(organization_id, "AuditFileOptions").values()
        return [
            option
            for option in found
            if not option.get("AllowEventTypes") or event_type in option["AllowEventTypes"]
        ]
