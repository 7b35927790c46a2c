"""Audit file streams: events as lines of JSON, in files that the configuration names.

The files lie in the folder `audit` of `--data`, whatever folder their configured names speak of. Without
`--data` nothing is written.
"""

from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import msgspec

from comet.emulator.settings import Settings
from comet.emulator.tenants import Organizations

Wire = dict[str, Any]


class AuditFiles:
    """Reads AuditFileOptions of the server and of each organization whenever an event passes."""

    def __init__(self, settings: Settings, organizations: Organizations, data: Path | None) -> None:
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
            self._append(option["Filename"], msgspec.json.encode(told) + b"\n")

    def _append(self, filename: str, line: bytes) -> None:
        name = PureWindowsPath(PurePosixPath(filename).name).name
        if self._folder is None or not name:
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._folder / name).open("ab") as file:
            file.write(line)

    def _options(self, event_type: int, organization_id: str) -> list[Wire]:
        found = list(self._settings.section("", "AuditFileOptions").values())
        if organization_id and self._organizations.get(organization_id) is not None:
            found += self._settings.section(organization_id, "AuditFileOptions").values()
        return [
            option
            for option in found
            if not option.get("AllowEventTypes") or event_type in option["AllowEventTypes"]
        ]
