"""The update campaign: minute by minute, clients that are idle are brought to the server's version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comet.emulator.job import UPDATE
from comet.emulator.population import Device
from comet.emulator.presence import connection_shown
from comet.emulator.search import matches
from comet.emulator.server import Server
from comet.emulator.shapes import version_tuple

if TYPE_CHECKING:
    from comet.emulator.live import Life

Wire = dict[str, Any]
KEY = "campaign"
LEAD_SECONDS = 2


def current(server: Server) -> Wire:
    """UpdateCampaignStatus without the devices, and which of them were asked."""
    held: Wire | None = server.journal.get(KEY, "")
    return held or {
        "Active": False, "UpgradeOlder": False, "ReinstallCurrentVer": False, "DowngradeNewer": False,
        "ForceUpgradeRunning": False, "ApplyDeviceFilter": False, "StartTime": 0, "TargetVersion": "",
        "Asked": {},
        "DeviceFilter": {"ClauseType": "", "RuleField": "", "RuleOperator": "", "RuleValue": ""},
    }  # fmt: skip


def ask(server: Server, life: Life) -> None:
    """Start the update on every device that is connected, idle and still to be asked."""
    campaign = current(server)
    if not campaign["Active"]:
        return
    busy = {job.device.device_id for job in server.jobs.unfinished()}
    asked = dict(campaign["Asked"])
    for live in server.live_connections():
        waits = live.device.device_id in busy and not campaign["ForceUpgradeRunning"]
        if key_of(live.device) in asked or waits or not is_eligible(campaign, live.device):
            continue
        asked[key_of(live.device)] = True
        _update(server, life, live.device)
    if asked != campaign["Asked"]:
        server.journal.put(KEY, "", {**campaign, "Asked": asked})


def key_of(device: Device) -> str:
    return f"{device.username}/{device.device_id}"


def is_eligible(campaign: Wire, device: Device) -> bool:
    """Whether the campaign is for such a device. Raises Refusal for a filter that makes no sense."""
    if campaign["ApplyDeviceFilter"] and not matches(campaign["DeviceFilter"], connection_shown(device, 0)):
        return False
    have, want = version_tuple(device.version), version_tuple(campaign["TargetVersion"])
    if have == want:
        return bool(campaign["ReinstallCurrentVer"])
    return bool(campaign["UpgradeOlder"] if have < want else campaign["DowngradeNewer"])


def _update(server: Server, life: Life, device: Device) -> None:
    job = server.jobs.started.start(
        device=device, item=None, vault=None, classification=UPDATE, lead=LEAD_SECONDS
    )
    life.announce(job)
