"""The server as a machine: its logs, statistics, news, files, self-backup and replication."""

import base64
import hashlib
from typing import Any

from comet.emulator.archives import zip_of
from comet.emulator.call import Call, Raw, done, method
from comet.emulator.draw import Draw
from comet.emulator.errors import bad_request
from comet.emulator.population import DAY, GIB

Wire = dict[str, Any]
_LOG_DAYS = 7
_STAT_DAYS = 30
_TEXT = "text/plain; charset=utf-8"
_LARGEST_FILE = 4 << 20
_WORKERS_STARTED = 8


@method("AdminMetaVersion")
def meta_version(call: Call) -> Wire:
    return call.server.version_info()


@method("AdminMetaSoftwareUpdateNews")
def software_update_news(call: Call) -> Wire:
    return {
        "latest_stable": "25.9.8",
        "latest_prerelease": "25.12.0",
        "downloads_url": "https://account.example/downloads",
        "updates_info": ["Shared storage quotas", "Single Protected Items by API"],
    }


@method("AdminMetaStats")
def stats(call: Call) -> dict[str, Wire]:
    """A count a day; the newest is of today and exact."""
    book, now = call.server.profiles, call.server.clock.seconds()
    users = len(book.names(call.caller.sees))
    devices = len([d for d in call.server.devices if call.may_see_user(d.username)])
    buckets = len(call.server.buckets.of(call.caller.sees))
    found: dict[str, Wire] = {}
    for ago in range(1 if call.flag("Simple") else _STAT_DAYS):
        found[str(now // DAY * DAY - ago * DAY)] = {
            "Buckets": buckets,
            "Users": max(0, users - ago // 6),
            "Devices": max(0, devices - ago // 4),
            "Boosters": 0,
            "NetworkDevices": 0,
        }
    return found


@method("AdminMetaListAvailableLogDays")
def list_available_log_days(call: Call) -> list[int]:
    today = call.server.clock.seconds() // DAY * DAY
    return [today - ago * DAY for ago in range(_LOG_DAYS)]


@method("AdminMetaReadLogs")
def read_logs(call: Call) -> Raw:
    return Raw(_log(call, call.number("Log")), _TEXT)


@method("AdminMetaReadSelectLogs")
def read_select_logs(call: Call) -> Raw:
    return Raw(b"".join(_log(call, day) for day in call.document("Logs")), _TEXT)


@method("AdminMetaReadAllLogs")
def read_all_logs(call: Call) -> Raw:
    logs = {f"{day}.log": _log(call, day) for day in list_available_log_days(call)}
    return Raw(zip_of(logs), "application/zip", {"Content-Disposition": 'attachment; filename="logs.zip"'})


@method("AdminMetaResourceNew")
def resource_new(call: Call) -> Wire:
    """Keeps a file under the hash of its content."""
    content = call.files.get("upload")
    if content is None:
        raise bad_request("Missing parameter upload")
    if len(content) > _LARGEST_FILE:
        raise bad_request("The file is too large")
    digest = hashlib.sha256(content).hexdigest()
    call.server.journal.put("resource", digest, base64.b64encode(content).decode())
    return {**done(), "ResourceHash": digest}


@method("AdminMetaResourceGet")
def resource_get(call: Call) -> Raw:
    held = call.server.journal.get("resource", call.text("Hash").removeprefix("resource://"))
    if held is None:
        raise bad_request("Resource not found")
    return Raw(base64.b64decode(held), "application/octet-stream")


@method("AdminSelfBackupStart")
def self_backup_start(call: Call) -> Wire:
    targets = call.server.settings["SelfBackup"]["Targets"]
    if not targets:
        raise bad_request("No self-backup target is configured")
    call.server.note_self_backup(len(targets))
    return done("Started")


@method("AdminOrganizationExport")
def organization_export(call: Call) -> Wire:
    options = call.document("Options")
    if call.server.organizations.get(options.get("RestrictToSingleOrgID", "")) is None:
        raise bad_request("Organization not found")
    if not options["Location"]["DestinationType"]:
        raise bad_request("The storage location is not configured")
    return done("Started")


@method("AdminReplicationState")
def replication_state(call: Call) -> list[Wire]:
    """One entry for each place to which the server replicates, by its configuration."""
    settings, now = call.server.settings, call.server.clock.seconds()
    entries = []
    for kind, role in ((100, "StorageRole"), (101, "AuthenticationRole")):
        for number, target in enumerate(settings[role]["ReplicateTo"]):
            draw = Draw(call.server.options.seed, "replica", role, number, now // 60)
            entries.append(
                {
                    "Description": target["Description"],
                    "RemoteServerID": Draw(call.server.options.seed, "replica", role, number).guid(),
                    "DisplayClass": kind,
                    "ActiveWorkers": 1,
                    "TotalWorkers": 4,
                    "State": _WORKERS_STARTED,
                    "ItemsQueued": draw.between(0, 20),
                    "BytesQueued": draw.between(0, 200) << 20,
                    "LastWorkerSubmitTime": now - 5,
                    "CurrentTime": now,
                    "ItemsReplicated": now % DAY,
                    "BytesReplicated": (now % DAY) * GIB // 100,
                }
            )
    return entries


def _log(call: Call, day: int) -> bytes:
    if day not in list_available_log_days(call):
        raise bad_request("There is no log of that day")
    draw = Draw(call.server.options.seed, "log", day)
    until = min(day + DAY, call.server.clock.seconds())
    moments = sorted(day + draw.between(0, DAY - 1) for _ in range(40))
    names = call.server.profiles.names(None) or ["nobody"]
    lines = (
        f"{moment} I Served {draw.pick(names)} in {draw.between(1, 90)} ms\n"
        for moment in moments
        if moment <= until
    )
    return f"{day} I Log of the day\n{''.join(lines)}".encode()
