"""Single Protected Items with their schedules."""

from typing import Any

from comet.emulator import enforcement, events
from comet.emulator.auth import USER
from comet.emulator.call import Call, done, method
from comet.emulator.errors import bad_request
from comet.emulator.methods.users import require_hash

Wire = dict[str, Any]


@method("AdminGetProtectedItemWithBackupRules", "UserWebGetProtectedItemWithBackupRules")
def get_item(call: Call) -> Wire:
    username, guid = call.target_user(), call.text("SourceID")
    profile = call.server.profiles.full(username)
    if guid not in profile["Sources"]:
        raise bad_request("Protected Item not found")
    return {
        **done(),
        "Source": profile["Sources"][guid],
        "BackupRules": {g: rule for g, rule in profile["BackupRules"].items() if rule["Source"] == guid},
        "ProfileHash": call.server.profiles.hash(username),
    }


@method("AdminSetProtectedItemWithBackupRules", "UserWebSetProtectedItemWithBackupRules")
def set_item(call: Call) -> Wire:
    """Adds or changes an item; given BackupRules replace its own. A new one without gets the policy's."""
    username, guid = call.target_user(), call.text("SourceID")
    profile = call.server.profiles.stored(username) or {}
    if call.text("RequireHash"):
        require_hash(call, username, call.text("RequireHash"))
    source, rules = call.document("Source"), call.document("BackupRules")
    if not guid or (source is None and guid not in profile["Sources"]):
        raise bad_request("Protected Item not found")
    changed = dict(profile)
    if source is not None:
        now = call.server.clock.seconds()
        source.update(CreateTime=source["CreateTime"] or now, ModifyTime=now)
        changed["Sources"] = {**profile["Sources"], guid: source}
    if rules is not None:
        others = {g: rule for g, rule in profile["BackupRules"].items() if rule["Source"] != guid}
        changed["BackupRules"] = {**others, **{g: {**rule, "Source": guid} for g, rule in rules.items()}}
    elif guid not in profile["Sources"]:
        given = call.server.policy_items.default_rules(changed, guid, call.server.clock.seconds())
        changed["BackupRules"] = {**profile["BackupRules"], **given}
    _write(call, username, profile, changed)
    return done()


@method("AdminDeleteProtectedItem", "UserWebDeleteProtectedItem")
def delete_item(call: Call) -> Wire:
    username, guid = call.target_user(), call.text("SourceID")
    profile = call.server.profiles.stored(username) or {}
    if guid not in profile["Sources"]:
        raise bad_request("Protected Item not found")
    changed = {
        **profile,
        "Sources": {g: source for g, source in profile["Sources"].items() if g != guid},
        "BackupRules": {g: rule for g, rule in profile["BackupRules"].items() if rule["Source"] != guid},
    }
    _write(call, username, profile, changed)
    return done()


def _write(call: Call, username: str, before: Wire, after: Wire) -> None:
    if call.caller.kind == USER:
        enforcement.check_own_change(before, after)
    call.server.profiles.write(username, after)
    call.tell_user(events.USER_UPDATED, username)
