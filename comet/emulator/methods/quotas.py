"""Storage quotas that several vaults share."""

from typing import Any

from comet.emulator import events, shapes
from comet.emulator.call import Call, conflict, done, method
from comet.emulator.errors import bad_request

Wire = dict[str, Any]


@method("AdminSquotaListAll")
def squota_list_all(call: Call) -> Wire:
    return {**done(), "Entries": call.server.quotas.of(call.caller.sees)}


@method("AdminSquotaGetWithHash")
def squota_get_with_hash(call: Call) -> Wire:
    guid, quota = _quota(call)
    return {
        **done(),
        "SharedStorageQuota": quota,
        "SharedStorageQuotaHash": shapes.content_hash(quota),
        "CurrentUsage": call.server.profiles.bytes_under_quota(guid),
    }


@method("AdminSquotaSetWithHash")
def squota_set_with_hash(call: Call) -> Wire:
    """Replaces a quota if it is still that of the hash, or creates one of that ID (or of a new one)."""
    guid = call.text("SharedStorageQuotaID") or call.server.new_guid()
    quota = call.document("SharedStorageQuota")
    held = call.server.quotas.get(guid)
    if held is not None:
        _quota(call)
        wanted = call.text("CheckHash")
        if wanted and wanted != shapes.content_hash(held):
            raise conflict(call, "The shared storage quota has changed since it was read")
        quota["OrganizationID"] = held["OrganizationID"]
    elif call.caller.organization_id:
        quota["OrganizationID"] = call.caller.organization_id
    call.server.quotas.put(guid, quota)
    kind = events.QUOTA_UPDATED if held else events.QUOTA_NEW
    call.emit(kind, organization_id=quota["OrganizationID"], resource_id=guid, data=quota)
    return {**done(), "SharedStorageQuotaHash": shapes.content_hash(quota)}


@method("AdminSquotaDelete")
def squota_delete(call: Call) -> Wire:
    """Vaults that shared it are free of it."""
    guid, quota = _quota(call)
    for name in call.server.profiles.leave_quota(guid):
        call.tell_user(events.USER_UPDATED, name)
    call.server.quotas.delete(guid)
    call.emit(events.QUOTA_REMOVED, organization_id=quota["OrganizationID"], resource_id=guid)
    return done()


def _quota(call: Call) -> tuple[str, Wire]:
    guid = call.text("SharedStorageQuotaID")
    quota = call.server.quotas.of(call.caller.sees).get(guid)
    if quota is None:
        raise bad_request("Shared storage quota not found")
    return guid, quota
