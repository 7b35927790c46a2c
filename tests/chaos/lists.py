"""What a mirror should hold, from a Comet Server's own lists: raw JSON, none of the portal's code.

Each function gives rows by key, with the columns the portal keeps of them. Left out are the sizes of Storage
Vaults and the statistics of items, which change at the end of a Job without any event: the portal reads them
with the profile, at night at the latest.
"""

from collections import Counter
from typing import Any

from tests.chaos.comet_server import CometServer

Rows = dict[tuple[Any, ...], dict[str, Any]]
HOUR = 3600
_ENDS = {7001: "warning", 7004: "missed", 7005: "skipped", 7006: "skipped"}


def profiles(users: dict[str, Any]) -> dict[str, Rows]:
    """User Profiles, Devices, Protected Items and Storage Vaults, from list-users-full."""
    found: dict[str, Rows] = {"user": {}, "device": {}, "item": {}, "vault": {}}
    for name, profile in users.items():
        devices, items = profile["Devices"] or {}, profile["Sources"] or {}
        found["user"][name,] = {
            "organization": profile["OrganizationID"],
            "account_name": profile["AccountName"],
            "email": (profile["Emails"] or [""])[0],
            "policy": profile["PolicyID"],
            "suspended": profile["IsSuspended"],
            "created": profile["CreateTime"],
            "devices": len(devices),
            "items": len(items),
        }
        for device_id, device in devices.items():
            system = device["PlatformVersion"]
            found["device"][name, device_id] = {
                "name": device["FriendlyName"],
                "platform": f"{system['os']}/{system['arch']}",
                "os": f"{system['distribution']} {system['version']}".strip(),
                "version": device["ClientVersion"],
                "time_zone": device["DeviceTimezone"],
                "registered": device["RegistrationTime"],
                "items": sum(item["OwnerDevice"] == device_id for item in items.values()),
            }
        for guid, item in items.items():
            if item["OwnerDevice"] in devices:
                found["item"][name, guid] = {
                    "device": item["OwnerDevice"],
                    "name": item["Description"],
                    "engine": item["Engine"],
                }
        for guid, vault in (profile["Destinations"] or {}).items():
            limit = vault["StorageLimitBytes"] if vault["StorageLimitEnabled"] else 0
            found["vault"][name, guid] = {
                "name": vault["Description"],
                "type": vault["DestinationType"],
                "limit": limit,
            }
    return found


def organizations(server: CometServer) -> Rows:
    told = server.call("admin/organization/list")
    return {(guid,): {"name": one["Name"], "suspended": one["IsSuspended"]} for guid, one in told.items()}


def policies(server: CometServer) -> Rows:
    told = server.call("admin/policies/list-full")
    return {(guid,): {"name": one["Description"]} for guid, one in told.items()}


def online(server: CometServer, devices: Rows) -> Rows:
    """How many live connections each Device has."""
    held = Counter(
        (live["Username"], live["DeviceID"]) for live in server.call("admin/dispatcher/list-active").values()
    )
    return {key: {"connections": held[key]} for key in devices}


def jobs(told: list[dict[str, Any]]) -> Rows:
    """Jobs; of those that run, only what does not move."""
    found: Rows = {}
    for job in told:
        row = {
            "user": job["Username"],
            "item": job["SourceGUID"],
            "vault": job["DestinationGUID"],
            "device": job["DeviceID"],
            "classification": job["Classification"],
            "status": job["Status"],
            "started": job["StartTime"],
            "ended": job["EndTime"] or None,
            "version": job["ClientVersion"],
            "cancellation": job.get("CancellationID", ""),
        }
        if job["EndTime"]:
            row |= {
                "files": job["TotalFiles"],
                "size": job["TotalSize"],
                "upload": job["UploadSize"],
                "download": job["DownloadSize"],
            }
        found[job["GUID"],] = row
    return found


def hours(told: list[dict[str, Any]], since: int) -> Rows:
    """How many Jobs ended in each hour from `since` on, by how they ended."""
    counts: Counter[tuple[int, str]] = Counter()
    for job in told:
        if job["EndTime"] >= since:
            counts[job["EndTime"] // HOUR * HOUR, end_of(job["Status"])] += 1
    return {key: {"count": count} for key, count in counts.items()}


def end_of(status: int) -> str:
    """The column of the roll-ups a Job that ended with this status is counted in."""
    if 5000 <= status < 6000:
        return "succeeded"
    return _ENDS.get(status, "failed") if 7000 <= status < 8000 else "interrupted"
