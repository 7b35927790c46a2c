"""The Constellation Role: which buckets are in use on which server."""

from typing import Any

from comet.emulator.call import Call, done, method
from comet.emulator.errors import bad_request

Wire = dict[str, Any]
_REPORT, _STATS = "report", "stats"
_COMET_VAULT = 1003


@method("AdminConstellationNewReport")
def new_report(call: Call) -> Wire:
    """Builds the report from the vaults and buckets there are now."""
    now = call.server.clock.seconds()
    report = {"CheckStarted": now, "CheckCompleted": now, "Usage": _usage(call)}
    stats = _stats(call)
    _keep(
        call, _STATS, {**stats, "LastCheckStart": now, "TotalChecksStarted": stats["TotalChecksStarted"] + 1}
    )
    _keep(call, _REPORT, report)
    return report


@method("AdminConstellationLastReport")
def last_report(call: Call) -> Wire:
    report: Wire | None = call.server.journal.get("constellation", _key(call, _REPORT))
    return report or new_report(call)


@method("AdminConstellationStatus")
def status(call: Call) -> Wire:
    options = call.server.settings.section(call.caller.organization_id, "ConstellationRole")
    return {
        "DeletionEnabled": options["DeleteUnusedData"],
        "Targets": [server.get("RemoteAddress", "") for server in options["Servers"]],
        "TargetNames": [server["Description"] for server in options["Servers"]],
        "Stats": _stats(call),
    }


@method("AdminConstellationPruneNow")
def prune_now(call: Call) -> Wire:
    """Deletes the buckets nobody uses; refused unless deletion is switched on."""
    if not status(call)["DeletionEnabled"]:
        raise bad_request("Deletion of unused data is switched off")
    unused = [guid for guid, entry in _usage(call).items() if not entry["InUseBy"]]
    for guid in unused:
        call.server.buckets.delete(guid)
    stats = _stats(call)
    _keep(call, _STATS, {**stats, "TotalBucketsDeleted": stats["TotalBucketsDeleted"] + len(unused)})
    return done()


def _usage(call: Call) -> dict[str, Wire]:
    users: dict[str, list[Wire]] = {}
    book = call.server.profiles
    for name in book.names(call.caller.sees):
        for vault in (book.stored(name) or {})["Destinations"].values():
            if vault["DestinationType"] == _COMET_VAULT:
                users.setdefault(vault["CometBucket"], []).append({"ServerID": 0, "Username": name})
    return {
        guid: {"AccessKey": "", "ExistsOnServers": [0], "InUseBy": users.get(guid, [])}
        for guid in call.server.buckets.of(call.caller.sees)
    }


def _stats(call: Call) -> Wire:
    held: Wire | None = call.server.journal.get("constellation", _key(call, _STATS))
    return held or {
        "LastCheckStart": 0,
        "TotalChecksStarted": 0,
        "TotalBucketsDeleted": 0,
        "ChecksCurrentlyActive": 0,
    }


def _keep(call: Call, what: str, value: Wire) -> None:
    call.server.journal.put("constellation", _key(call, what), value)


def _key(call: Call, what: str) -> str:
    return f"{what}/{call.caller.organization_id}"
