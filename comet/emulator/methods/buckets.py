"""The Storage Role: buckets, and the space that is left."""

import secrets
from typing import Any

from comet.emulator import events
from comet.emulator.accounts import PASSWORD_FORMAT_HASHED
from comet.emulator.call import Call, done, method
from comet.emulator.errors import bad_request
from comet.emulator.passwords import hash_password
from comet.emulator.population import GIB

Wire = dict[str, Any]
_UNCONFIGURED = 0


@method("AdminStorageListBuckets")
def list_buckets(call: Call) -> dict[str, Wire]:
    return call.server.buckets.of(call.caller.sees)


@method("AdminStorageBucketProperties")
def bucket_properties(call: Call) -> Wire:
    """Measured again if the last measure is older than AfterTimestamp."""
    guid, bucket = _bucket(call)
    if bucket["Size"]["MeasureCompleted"] < call.number("AfterTimestamp"):
        now = call.server.clock.seconds()
        size = {"Size": bucket["Size"]["Size"], "MeasureStarted": now - 1, "MeasureCompleted": now}
        bucket = {**bucket, "Size": size}
        call.server.buckets.put(guid, bucket)
    return bucket


@method("AdminStorageRegisterBucket")
def register_bucket(call: Call) -> Wire:
    """Creates a bucket; name and key are generated unless all are given."""
    given = [call.text(name) for name in ("SetBucketValue", "SetKeyHashFormat", "SetKeyHashValue")]
    if any(given) and not all(given):
        raise bad_request("SetBucketValue, SetKeyHashFormat and SetKeyHashValue belong together")
    guid, key = given[0] or call.server.new_guid(), "" if given[0] else secrets.token_hex(16)
    if call.server.buckets.get(guid) is not None:
        raise bad_request("A bucket of that name exists")
    now = call.server.clock.seconds()
    owner = call.target_organization("SetOrganizationID")
    bucket: Wire = {
        "OrganizationID": owner,
        "CreateTime": now,
        "ReadWriteKeyFormat": PASSWORD_FORMAT_HASHED,
        "ReadWriteKey": given[2] or hash_password(key),
        "Size": {"Size": 0, "MeasureStarted": now, "MeasureCompleted": now},
    }
    call.server.buckets.put(guid, bucket)
    call.emit(events.BUCKET_NEW, organization_id=owner, resource_id=guid, data=guid)
    return {**done(), "NewBucketID": guid, "NewBucketKey": key}


@method("AdminStorageDeleteBucket")
def delete_bucket(call: Call) -> Wire:
    guid, bucket = _bucket(call)
    call.server.buckets.delete(guid)
    call.emit(events.BUCKET_REMOVED, organization_id=bucket["OrganizationID"], resource_id=guid)
    return done()


@method("AdminStorageFreeSpace")
def free_space(call: Call) -> Wire:
    used = sum(bucket["Size"]["Size"] for bucket in call.server.buckets.all().values())
    total = max(used * 2, 4096 * GIB)
    percent = round(used * 100 / total, 2)
    return {"Unlimited": False, "UsedPercent": percent, "AvailableBytes": total - used}


@method("AdminStoragePingDestination", "AdminDispatcherPingDestination", "UserWebDispatcherPingDestination")
def ping_destination(call: Call) -> Wire:
    """Whether a storage location can be reached: by the server, or by a connected device."""
    if "TargetID" in call.values:
        call.device()
    if call.document("ExtraData")["DestinationType"] == _UNCONFIGURED:
        raise bad_request("The storage location is not configured")
    return done("Connected")


def _bucket(call: Call) -> tuple[str, Wire]:
    guid = call.text("BucketID")
    bucket = list_buckets(call).get(guid)
    if bucket is None:
        raise bad_request("Bucket not found")
    return guid, bucket
