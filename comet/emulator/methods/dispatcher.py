"""Devices that are connected right now."""

from typing import Any

from comet.emulator.call import Call, method
from comet.emulator.presence import connection_shown

Wire = dict[str, Any]


@method("AdminDispatcherListActive", "UserWebDispatcherListActive")
def list_active(call: Call) -> dict[str, Wire]:
    """Connection GUID -> LiveUserConnection, narrowed to one user if UserNameFilter is given."""
    wanted = call.text("UserNameFilter")
    return {
        live.turn.guid: connection_shown(live.device, live.turn.begins_at)
        for live in call.server.live_connections()
        if wanted in ("", live.device.username) and call.may_see_user(live.device.username)
    }
