"""Update campaigns: bring the clients of many devices to the server's version."""

from typing import Any

from comet.emulator.call import Call, done, method
from comet.emulator.job import UPDATE
from comet.emulator.methods.actions import begin
from comet.emulator.methods.dispatcher import connection_shown
from comet.emulator.population import Device
from comet.emulator.search import matches
from comet.emulator.shapes import version_tuple

Wire = dict[str, Any]
_INELIGIBLE, _PENDING, _REQUEST_MADE, _CONFIRMED = 1, 2, 3, 5
_KEY = "campaign"


@method("AdminUpdateCampaignStart")
def campaign_start(call: Call) -> Wire:
    """Replaces the campaign. Connected devices begin at once, others are asked when somebody looks again."""
    options, now = call.document("Options"), call.server.clock.seconds()
    target = call.server.options.version
    call.server.journal.put(_KEY, "", {**options, "StartTime": now, "TargetVersion": target, "Asked": {}})
    _ask(call)
    return done()


@method("AdminUpdateCampaignStatus")
def campaign_status(call: Call) -> Wire:
    _ask(call)
    campaign = _campaign(call)
    devices = [
        {"Username": d.username, "DeviceID": d.device_id, "Status": _status(call, campaign, d)}
        for d in call.server.devices
        if call.server.is_registered(d)
    ]
    return {**{name: value for name, value in campaign.items() if name != "Asked"}, "Devices": devices}


def _campaign(call: Call) -> Wire:
    held: Wire | None = call.server.journal.get(_KEY, "")
    return held or {
        "Active": False, "UpgradeOlder": False, "ReinstallCurrentVer": False, "DowngradeNewer": False,
        "ForceUpgradeRunning": False, "ApplyDeviceFilter": False, "StartTime": 0, "TargetVersion": "",
        "Asked": {},
        "DeviceFilter": {"ClauseType": "", "RuleField": "", "RuleOperator": "", "RuleValue": ""},
    }  # fmt: skip


def _ask(call: Call) -> None:
    """Start the update on every device that is connected, idle and still to be asked."""
    campaign = _campaign(call)
    if not campaign["Active"]:
        return
    busy = {job.device.device_id for job in call.server.jobs.unfinished()}
    asked = dict(campaign["Asked"])
    for live in call.server.live_connections():
        device, key = live.device, f"{live.device.username}/{live.device.device_id}"
        waits = device.device_id in busy and not campaign["ForceUpgradeRunning"]
        if key in asked or waits or not _is_eligible(call, campaign, device):
            continue
        asked[key] = True
        job = begin(call, device, UPDATE)
        call.life.when_ended(job, lambda device=device: call.server.note_update(device))  # type: ignore[misc]
    call.server.journal.put(_KEY, "", {**campaign, "Asked": asked})


def _status(call: Call, campaign: Wire, device: Device) -> int:
    asked = f"{device.username}/{device.device_id}" in campaign["Asked"]
    if asked:
        return _CONFIRMED if device.version == campaign["TargetVersion"] else _REQUEST_MADE
    eligible = campaign["Active"] and _is_eligible(call, campaign, device)
    return _PENDING if eligible else _INELIGIBLE


def _is_eligible(call: Call, campaign: Wire, device: Device) -> bool:
    if campaign["ApplyDeviceFilter"] and not matches(campaign["DeviceFilter"], connection_shown(device, 0)):
        return False
    have, want = version_tuple(device.version), version_tuple(campaign["TargetVersion"])
    if have == want:
        return bool(campaign["ReinstallCurrentVer"])
    return bool(campaign["UpgradeOlder"] if have < want else campaign["DowngradeNewer"])
