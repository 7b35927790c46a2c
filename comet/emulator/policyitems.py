"""What a policy brings to the devices of its users: Protected Items, and the schedules that go with them.

A device gets them when it is registered. Items marked ExistingUserUpdate stay linked: devices that are
registered already get them too, and follow what the policy says of them later.
"""

from collections.abc import Iterator
from typing import Any

from comet.emulator.draw import Draw

Wire = dict[str, Any]
_ANY, _WINDOWS, _WINDOWS_32, _WINDOWS_64, _MACOS, _LINUX = range(6)  # OS_ constants
_FITS = {
    _WINDOWS: ("windows", ""),
    _WINDOWS_32: ("windows", "386"),
    _WINDOWS_64: ("windows", "amd64"),
    _MACOS: ("darwin", ""),
    _LINUX: ("linux", ""),
}
_LATEST_VAULT, _EVERY_VAULT = "1100", "1101"  # DESTINATIONTYPE_LATEST, DESTINATIONTYPE_ALL


class PolicyItems:
    """Makes profiles with what their policy brings. GUIDs follow from the seed: runs are repeatable."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def for_new_device(self, profile: Wire, device_id: str, now: int) -> Wire:
        """The profile after that device of it was registered."""
        for default_id, config in _defaults(profile, device_id):
            profile = self._given(profile, device_id, default_id, config, now)
        return profile

    def linked(self, profile: Wire, now: int) -> Wire:
        """The profile with the linked items on all its devices, as the policy has them now."""
        for device_id in profile["Devices"]:
            for default_id, config in _defaults(profile, device_id):
                if not config["ExistingUserUpdate"]:
                    continue
                held = [guid for guid, s in profile["Sources"].items() if _is_from(s, default_id, device_id)]
                if not held:
                    profile = self._given(profile, device_id, default_id, config, now)
                for guid in held:
                    profile = _followed(profile, guid, config, now)
        return profile

    def for_new_vault(self, profile: Wire, vault: str, now: int) -> Wire:
        """The profile with the schedules that waited for a Storage Vault, or are for each of them."""
        policy, rules = profile["Policy"], dict(profile["BackupRules"])
        for guid, source in profile["Sources"].items():
            if not source["PolicySourceID"]:
                continue
            has_none = all(rule["Source"] != guid for rule in rules.values())
            for default_id, rule in _rules_of(policy, source["PolicySourceID"]):
                if has_none or rule["Destination"] == _EVERY_VAULT:
                    rules |= self._rules(profile, guid, default_id, rule, now, only=vault)
        return {**profile, "BackupRules": rules}

    def default_rules(self, profile: Wire, source: str, now: int) -> dict[str, Wire]:
        """The policy's default schedules, for an item that came without any."""
        found: dict[str, Wire] = {}
        for default_id, rule in profile["Policy"]["DefaultBackupRules"].items():
            found |= self._rules(profile, source, default_id, rule, now)
        return found

    def _given(self, profile: Wire, device_id: str, default_id: str, config: Wire, now: int) -> Wire:
        guid = Draw(self._seed, "policy item", profile["Username"], device_id, default_id).guid()
        times = {"CreateTime": now, "ModifyTime": now}
        source = {**config, **times, "OwnerDevice": device_id, "PolicySourceID": default_id}
        rules = dict(profile["BackupRules"])
        for rule_id, rule in _rules_of(profile["Policy"], default_id):
            rules |= self._rules(profile, guid, rule_id, rule, now)
        return {**profile, "Sources": {**profile["Sources"], guid: source}, "BackupRules": rules}

    def _rules(
        self, profile: Wire, source: str, default_id: str, rule: Wire, now: int, only: str = ""
    ) -> dict[str, Wire]:
        """A default schedule as it is for that item: one for each vault it is meant for."""
        made = {}
        for vault in _vaults_meant(profile["Destinations"], rule["Destination"]):
            if only in ("", vault):
                guid = Draw(self._seed, "policy rule", profile["Username"], source, default_id, vault).guid()
                times = {"CreateTime": now, "ModifyTime": now}
                made[guid] = {**rule, **times, "Source": source, "Destination": vault}
        return made


def _defaults(profile: Wire, device_id: str) -> Iterator[tuple[str, Wire]]:
    """The default items of the policy that fit a device of the profile."""
    policy = profile["Policy"]
    yield from policy["DefaultSources"].items()
    system = profile["Devices"][device_id].get("PlatformVersion") or {"os": "", "arch": ""}
    for default_id, entry in policy["DefaultSourcesWithOSRestriction"].items():
        name, architecture = _FITS.get(entry["RestrictOS"], ("", ""))
        if name in ("", system["os"]) and architecture in ("", system["arch"]):
            yield default_id, entry["SourceConfig"]


def _rules_of(policy: Wire, default_id: str) -> list[tuple[str, Wire]]:
    """The schedules of a default item: those that name it, or else the policy's default ones."""
    own = [(g, r) for g, r in policy["DefaultSourcesBackupRules"].items() if r["Source"] == default_id]
    return own or list(policy["DefaultBackupRules"].items())


def _vaults_meant(vaults: dict[str, Wire], wanted: str) -> list[str]:
    """The vault of that GUID, those of that DESTINATIONTYPE_ number, all of them, or the latest."""
    if wanted in vaults:
        return [wanted]
    if wanted == _EVERY_VAULT:
        return list(vaults)
    if wanted in ("", _LATEST_VAULT):
        return sorted(vaults, key=lambda guid: (vaults[guid]["CreateTime"], guid))[-1:]
    return [guid for guid, vault in vaults.items() if str(vault["DestinationType"]) == wanted]


def _is_from(source: Wire, default_id: str, device_id: str) -> bool:
    return bool(source["PolicySourceID"] == default_id and source["OwnerDevice"] == device_id)


def _followed(profile: Wire, guid: str, config: Wire, now: int) -> Wire:
    """The profile with a linked item as the policy has it now."""
    held = profile["Sources"][guid]
    own = {name: held[name] for name in ("OwnerDevice", "PolicySourceID", "CreateTime", "ModifyTime")}
    fresh = {**config, **own}
    if fresh == {name: value for name, value in held.items() if name != "Statistics"}:
        return profile
    return {**profile, "Sources": {**profile["Sources"], guid: {**fresh, "ModifyTime": now}}}
