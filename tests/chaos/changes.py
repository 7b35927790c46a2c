"""What people do on the Comet Servers meanwhile: accounts come, change and go, Devices reconnect."""

import json
import random
from typing import Any, Final

import requests

from tests.chaos.comet_server import CometServer

PASSWORD: Final = "made-by-the-run"
PREFIX: Final = "made-"


def change_something(server: CometServer, chance: random.Random) -> None:
    """One change at random; none where the server is away."""
    change = chance.choice(_CHANGES)
    try:
        change(server, chance)
    except (requests.RequestException, ValueError):
        return


def _add_user(server: CometServer, chance: random.Random) -> None:
    name = f"{PREFIX}{chance.getrandbits(40):010x}"
    server.call("admin/add-user", TargetUser=name, TargetPassword=PASSWORD)


def _rename_user(server: CometServer, chance: random.Random) -> None:
    name = chance.choice(sorted(server.call("admin/list-users")))
    told: dict[str, Any] = server.call("admin/get-user-profile-and-hash", TargetUser=name)
    told["Profile"]["AccountName"] = f"Account {chance.getrandbits(20)}"
    server.call(
        "admin/set-user-profile-hash",
        TargetUser=name,
        ProfileData=json.dumps(told["Profile"]),
        RequireHash=told["ProfileHash"],
    )


def _delete_user(server: CometServer, chance: random.Random) -> None:
    made = _made(server)
    if made:
        server.call("admin/delete-user", TargetUser=chance.choice(made))


def _drop_device(server: CometServer, chance: random.Random) -> None:
    """It is back in a moment."""
    live = sorted(server.call("admin/dispatcher/list-active"))
    if live:
        server.call("admin/dispatcher/drop-connection", TargetID=chance.choice(live))


def _register_device(server: CometServer, chance: random.Random) -> None:
    """One of the lobby is given to an account that the run made."""
    waiting, made = sorted(server.call("admin/installation/list-active")), _made(server)
    if waiting and made:
        server.call(
            "admin/installation/dispatch/register-device",
            DeviceID=chance.choice(waiting),
            TargetUser=chance.choice(made),
            TargetPassword=PASSWORD,
        )


def _revoke_device(server: CometServer, chance: random.Random) -> None:
    """One that the run registered."""
    made = _made(server)
    if made:
        name = chance.choice(made)
        devices = sorted(server.call("admin/get-user-profile", TargetUser=name)["Devices"] or {})
        if devices:
            server.call("admin/revoke-device", TargetUser=name, TargetDevice=chance.choice(devices))


def _made(server: CometServer) -> list[str]:
    return [name for name in sorted(server.call("admin/list-users")) if name.startswith(PREFIX)]


def _rename_policy(server: CometServer, chance: random.Random) -> None:
    told = server.call("admin/policies/list-full")
    if told:
        guid = chance.choice(sorted(told))
        policy = {**told[guid], "Description": f"Policy {chance.getrandbits(20)}"}
        server.call("admin/policies/set", PolicyID=guid, Policy=json.dumps(policy))


_CHANGES: Final = (
    _add_user,
    _add_user,
    _rename_user,
    _rename_user,
    _delete_user,
    _drop_device,
    _register_device,
    _register_device,
    _revoke_device,
    _rename_policy,
)
"""As often as they stand here."""
