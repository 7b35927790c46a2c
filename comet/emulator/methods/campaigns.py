"""Update campaigns: bring the clients of many devices to the server's version."""

from typing import Any

from comet.emulator import campaigns
from comet.emulator.call import Call, done, method
from comet.emulator.population import Device

Wire = dict[str, Any]
_INELIGIBLE, _PENDING, _REQUEST_MADE, _CONFIRMED = 1, 2, 3, 5


@method("AdminUpdateCampaignStart")
def campaign_start(call: Call) -> Wire:
    """Replaces the campaign. Connected devices begin at once, others once they are connected and idle."""
    server = call.server
    campaign = {
        **call.document("Options"),
        "StartTime": server.clock.seconds(),
        "TargetVersion": server.options.version,
        "Asked": {},
    }
    for device in server.devices[:1]:
        campaigns.is_eligible(campaign, device)  # refuses a filter that makes no sense
    server.journal.put(campaigns.KEY, "", campaign)
    campaigns.ask(server, call.life)
    return done()


@method("AdminUpdateCampaignStatus")
def campaign_status(call: Call) -> Wire:
    campaign = campaigns.current(call.server)
    devices = [
        {"Username": d.username, "DeviceID": d.device_id, "Status": _status(campaign, d)}
        for d in call.server.devices
        if call.server.is_registered(d)
    ]
    return {**{name: value for name, value in campaign.items() if name != "Asked"}, "Devices": devices}


def _status(campaign: Wire, device: Device) -> int:
    if campaigns.key_of(device) in campaign["Asked"]:
        return _CONFIRMED if device.version == campaign["TargetVersion"] else _REQUEST_MADE
    eligible = campaign["Active"] and campaigns.is_eligible(campaign, device)
    return _PENDING if eligible else _INELIGIBLE
