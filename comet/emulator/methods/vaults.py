"""Storage Vaults made from the storage templates of an organization."""

import secrets
from typing import Any

import msgspec

from comet.emulator import events, shapes
from comet.emulator.accounts import PASSWORD_FORMAT_HASHED
from comet.emulator.auth import USER
from comet.emulator.call import Call, Raw, method
from comet.emulator.errors import Refusal, bad_request
from comet.emulator.methods.users import profile_and_hash, require_hash
from comet.emulator.passwords import hash_password

Wire = dict[str, Any]
_S3, _COMET, _B2, _STORJ = 1000, 1003, 1008, 1009
_TYPES = {"comet": _COMET, "cometstorage": _COMET, "b2": _B2, "storj": _STORJ}
_NEVER_STORAGE = ("ldap", "oidc")


@method("AdminRequestStorageVaultProviders", "UserWebRequestStorageVaultProviders")
def providers(call: Call) -> dict[str, str]:
    return {option["ID"]: option["Description"] for option in _templates(call, call.target_organization())}


@method("AdminRequestStorageVault", "UserWebRequestStorageVault")
def request_vault(call: Call) -> Raw:
    username, book = call.target_user(), call.server.profiles
    profile = book.stored(username) or {}
    if call.caller.kind == USER and profile["Policy"]["PreventRequestStorageVault"]:
        raise Refusal(403, "The policy of this account does not allow requesting a Storage Vault")
    if call.text("ProfileHash"):
        require_hash(call, username, call.text("ProfileHash"))
    device_id = call.text("DeviceID")
    if device_id and device_id not in profile["Devices"]:
        raise bad_request("Device not found")
    wanted = call.text("StorageProvider")
    options = {option["ID"]: option for option in _templates(call, profile.get("OrganizationID", ""))}
    if wanted not in options:
        raise bad_request("Storage template not found")
    guid = call.server.new_guid()
    vault = _vault(call, options[wanted], guid, username)
    if profile["Policy"]["DefaultStorageVaultRetention"]["Mode"]:
        vault["DefaultRetention"] = profile["Policy"]["DefaultStorageVaultRetention"]
    vault["AssociatedDevices"] = [device_id] if device_id else list(profile["Devices"])
    whole = {**profile, "Destinations": {**profile["Destinations"], guid: vault}}
    book.write(username, call.server.policy_items.for_new_vault(whole, guid, vault["CreateTime"]))
    call.tell_user(events.USER_UPDATED, username)
    return _with_id(call, username, guid)


@method("AdminConvertStorageRole")
def convert_storage_role(call: Call) -> Raw:
    """An S3 vault whose keys are the template's own from now on, and no longer of a user of its own."""
    username, guid = call.target_user(), call.text("DestinationId")
    profile = call.server.profiles.stored(username) or {}
    vault = profile["Destinations"].get(guid)
    if vault is None:
        raise bad_request("Storage Vault not found")
    if vault["DestinationType"] != _S3:
        raise bad_request("Only vaults of an S3 template can be converted")
    changed = {**vault, "Tag": "", "ModifyTime": call.server.clock.seconds()}
    call.server.profiles.change(username, Destinations={**profile["Destinations"], guid: changed})
    call.tell_user(events.USER_UPDATED, username)
    return _with_id(call, username, guid)


def _templates(call: Call, organization_id: str) -> list[Wire]:
    options: list[Wire] = call.server.settings.section(organization_id, "RemoteStorage")
    return [option for option in options if option["Type"] not in _NEVER_STORAGE]


def _vault(call: Call, option: Wire, guid: str, username: str) -> Wire:
    now = call.server.clock.seconds()
    kind = _TYPES.get(option["Type"], _S3)
    vault: Wire = shapes.zero("DestinationConfig")
    vault.update(
        Description=option["Description"],
        DestinationType=kind,
        CreateTime=now,
        ModifyTime=now,
        StorageLimitEnabled=option["StorageLimitEnabled"],
        StorageLimitBytes=option["StorageLimitBytes"],
        RebrandStorage=option["RebrandStorage"],
        Tag=option["Type"],
        DefaultRetention={"Mode": 801, "Ranges": []},
    )
    if kind == _COMET:
        vault.update(
            CometServer=option.get("RemoteAddress") or call.base_url(),
            CometBucket=guid,
            CometBucketKey=_bucket(call, guid, username),
        )
    elif kind == _S3:
        key, secret = secrets.token_hex(10).upper(), secrets.token_hex(20)
        vault.update(S3Server="s3.example", S3UsesTLS=True, S3AccessKey=key, S3SecretKey=secret)
        vault.update(S3BucketName="backups", S3Subdir=guid)
    elif kind == _B2:
        vault["B2"] = {"Bucket": "backups", "Prefix": guid}
    return vault


def _bucket(call: Call, guid: str, username: str) -> str:
    """Make the bucket on this server's own Storage Role; its key."""
    key, now = secrets.token_hex(16), call.server.clock.seconds()
    owner = call.server.profiles.organization_of(username)
    bucket = {
        "OrganizationID": owner,
        "CreateTime": now,
        "ReadWriteKeyFormat": PASSWORD_FORMAT_HASHED,
        "ReadWriteKey": hash_password(key),
        "Size": {"Size": 0, "MeasureStarted": now, "MeasureCompleted": now},
    }
    call.server.buckets.put(guid, bucket)
    call.emit(events.BUCKET_NEW, organization_id=owner, resource_id=guid, data=guid)
    return key


def _with_id(call: Call, username: str, guid: str) -> Raw:
    """RequestStorageVaultResponseMessage."""
    body = profile_and_hash(call, username).body
    return Raw(msgspec.json.encode({"DestinationID": guid})[:-1] + b"," + body[1:])
