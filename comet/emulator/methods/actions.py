"""What a connected device is told to do. Most of it becomes a job."""

from typing import Any

from comet.emulator.auth import ADMIN
from comet.emulator.call import Call, done, method
from comet.emulator.campaigns import LEAD_SECONDS
from comet.emulator.errors import bad_request
from comet.emulator.job import (
    DEEP_VERIFY,
    IMPORT,
    REINDEX,
    RESTORE,
    RETENTION,
    SKIPPED,
    UNINSTALL,
    UNLOCK,
    UPDATE,
    Job,
)
from comet.emulator.population import Device, Item, Vault
from comet.emulator.shapes import version_tuple

Wire = dict[str, Any]
_TELLS_JOB_ID_SINCE = (25, 9, 6)
_IMPORT_SOURCES = {"windows-server-backup": "Windows Server Backup", "file-history": "File History"}


@method("AdminDispatcherRunBackup", "UserWebDispatcherRunBackup")
def run_backup(call: Call) -> Wire:
    """Runs a backup rule of the device's user now."""
    device = call.device()
    profile = call.server.profiles.stored(device.username) or {}
    rule = profile["BackupRules"].get(call.text("BackupRule"))
    if rule is None:
        raise bad_request("Backup rule not found")
    return _backup(call, device, rule["Source"], rule["Destination"], rule, call.text("BackupRule"))


@method("AdminDispatcherRunBackupCustom", "UserWebDispatcherRunBackupCustom")
def run_backup_custom(call: Call) -> Wire:
    """Runs a backup of one Protected Item into one Storage Vault now."""
    return _backup(
        call, call.device(), call.text("Source"), call.text("Destination"), call.document("Options") or {}, ""
    )


@method("AdminDispatcherRunRestore", "UserWebDispatcherRunRestore")
def run_restore(call: Call) -> Wire:
    """Restores to a folder of the device; the latest snapshot if none is named."""
    if not call.text("Path"):
        raise bad_request("A restore needs a path")
    return _restore(call, call.device())


@method("AdminDispatcherRunRestoreCustom", "UserWebDispatcherRunRestoreCustom")
def run_restore_custom(call: Call) -> Wire:
    options = call.document("Options")
    if not options["DestIsOriginalLocation"] and options["Type"] == 0 and not options["DestPath"]:
        raise bad_request("A restore needs a path")
    return _restore(call, call.device())


@method("AdminDispatcherApplyRetentionRules")
def apply_retention_rules(call: Call) -> Wire:
    return _vault_job(call, RETENTION)


@method("AdminDispatcherDeepverifyStorageVault")
def deepverify_storage_vault(call: Call) -> Wire:
    return _vault_job(call, DEEP_VERIFY)


@method("AdminDispatcherReindexStorageVault")
def reindex_storage_vault(call: Call) -> Wire:
    """Also ends a job of the device that is stuck since its machine died."""
    clear_stuck_jobs(call, call.device())
    return _vault_job(call, REINDEX)


@method("AdminDispatcherUnlock")
def unlock(call: Call) -> Wire:
    return _vault_job(call, UNLOCK)


@method("AdminDispatcherImportApply")
def import_apply(call: Call) -> Wire:
    device = call.device()
    if call.text("ImportSourceID") not in _IMPORT_SOURCES or device.platform[0] != "windows":
        raise bad_request("Import source not found")
    begin(call, device, IMPORT)
    return done()


@method("AdminDispatcherRequestImportSources")
def request_import_sources(call: Call) -> Wire:
    device = call.device()
    return {**done(), "ImportSources": dict(_IMPORT_SOURCES) if device.platform[0] == "windows" else {}}


@method("AdminDispatcherUpdateSoftware")
def update_software(call: Call) -> Wire:
    """The client comes back in the server's version once the job has ended."""
    device = call.device()
    clear_stuck_jobs(call, device)
    begin(call, device, UPDATE)
    return done()


@method("AdminDispatcherUninstallSoftware")
def uninstall_software(call: Call) -> Wire:
    begin(call, call.device(), UNINSTALL)
    return done()


@method("AdminDispatcherDropConnection", "UserWebDispatcherDropConnection")
def drop_connection(call: Call) -> Wire:
    """The device will be back in a moment, under another connection."""
    call.life.drop(call.device())
    return done()


@method("AdminDispatcherKillProcess", "AdminDispatcherForceLogin")
def end_connection(call: Call) -> Wire:
    """The device does not come back by itself."""
    call.life.silence(call.device())
    return done()


@method("AdminDispatcherRefetchProfile")
def refetch_profile(call: Call) -> Wire:
    call.device()
    return done()


@method("AdminDispatcherUpdateLoginPassword", "UserWebDispatcherUpdateLoginPassword")
def update_login_password(call: Call) -> Wire:
    call.device()
    if not call.text("NewPassword"):
        raise bad_request("The password must not be empty")
    return done()


@method("AdminDispatcherUpdateLoginUrl")
def update_login_url(call: Call) -> Wire:
    """The device leaves for another server."""
    device = call.device()
    if not call.text("NewURL").startswith(("http://", "https://")):
        raise bad_request("The address must begin with http:// or https://")
    call.life.silence(device)
    return done()


@method("AdminDispatcherTestSmbAuth", "UserWebDispatcherTestSmbAuth")
def test_smb_auth(call: Call) -> Wire:
    call.device()
    if not call.document("Wsa")["SharePath"].startswith("\\\\"):
        raise bad_request("The network path was not found")
    return done()


def begin(
    call: Call,
    device: Device,
    classification: int,
    *,
    item: Item | None = None,
    vault: Vault | None = None,
    extra: Wire | None = None,
) -> Job:
    """Start a job on the device and tell the streams."""
    job = call.server.jobs.started.start(
        device=device, item=item, vault=vault, classification=classification, extra=extra, lead=LEAD_SECONDS
    )
    call.life.announce(job)
    return job


def item_of(call: Call, device: Device, source: str, rule: str = "") -> Item:
    """The Protected Item: a seeded one, or one that an API write added to the profile."""
    return call.server.item(device, source, rule)


def vault_of(call: Call, device: Device, destination: str) -> Vault:
    return call.server.vault(device, destination)


def clear_stuck_jobs(call: Call, device: Device) -> None:
    """A job whose machine died ends when the device does something that needs the vault for itself."""
    for job in call.server.jobs.unfinished():
        if job.device is device and job.stalls_after:
            call.server.end_job(job, job.status)


def _vault_job(call: Call, classification: int) -> Wire:
    device = call.device()
    begin(call, device, classification, vault=vault_of(call, device, call.text("Destination")))
    return done()


def _backup(call: Call, device: Device, source: str, destination: str, options: Wire, rule: str) -> Wire:
    item, vault = item_of(call, device, source, rule), vault_of(call, device, destination)
    skipped = options.get("SkipAlreadyRunning") and call.server.is_backing_up(device, source, destination)
    clear_stuck_jobs(call, device)
    job = call.server.jobs.started.start(
        device=device,
        item=item,
        vault=vault,
        by_schedule=bool(rule),
        seconds=0 if skipped else None,
        status=SKIPPED if skipped else None,
        extra={"Tags": options["Tags"]} if options.get("Tags") else None,
        lead=0 if skipped else LEAD_SECONDS,
    )
    call.life.announce(job)
    return _with_job_id(call, device, job)


def _restore(call: Call, device: Device) -> Wire:
    item, vault = item_of(call, device, call.text("Source")), vault_of(call, device, call.text("Destination"))
    known, snapshots = call.server.snapshots, call.text("Snapshot")
    if snapshots:
        known.find(device.username, vault.guid, snapshots, call.server.clock.now())
    elif not known.in_vault(device.username, vault.guid, call.server.clock.now()):
        raise bad_request("The Storage Vault holds no snapshot")
    extra: Wire = {n: call.number(n) for n in ("KnownFileCount", "KnownByteCount") if call.number(n) > 0}
    if snapshots:
        extra["SnapshotID"] = snapshots
    return _with_job_id(call, device, begin(call, device, RESTORE, item=item, vault=vault, extra=extra))


def _with_job_id(call: Call, device: Device, job: Job) -> Wire:
    """Admins are told the job, if the device's version does so."""
    answer = done()
    if call.caller.kind == ADMIN and version_tuple(device.version) >= _TELLS_JOB_ID_SINCE:
        answer["JobID"] = job.guid
    return answer
