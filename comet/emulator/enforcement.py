"""What a policy makes of a profile, and what it forbids an end user to change in his own."""

from typing import Any

from comet.emulator.errors import Refusal

Wire = dict[str, Any]
DEFAULT_ON, DEFAULT_OFF, ENFORCED_ON, ENFORCED_OFF = 1, 2, 3, 4  # SETTING_ constants
_RETRY_COUNT, _RETRY_MINUTES = 1, 30
_PLAIN_FIELDS = (
    ("PreventChangeEmailSettings", ("Emails", "SendEmailReports", "OverrideEmailSettings")),
    ("PreventChangeAccountName", ("AccountName",)),
    ("PreventChangeAccountPassword", ("PasswordHash", "PasswordFormat")),
)
_NEVER_BY_USER = (
    "AllProtectedItemsQuotaBytes",
    "AllProtectedItemsQuotaEnabled",
    "GroupID",
    "IsSuspended",
    "MaximumDevices",
    "PolicyID",
    "QuotaHyperVGuests",
    "QuotaOffice365ProtectedAccounts",
    "QuotaVMwareGuests",
)


def enforced(profile: Wire) -> Wire:
    """The profile as its Policy block demands it; a copy where something had to change."""
    policy = profile["Policy"]
    if policy["EnforceStorageVaultRetention"]:
        retention = policy["DefaultStorageVaultRetention"]
        profile = {
            **profile,
            "Destinations": {
                guid: {**vault, "DefaultRetention": retention}
                for guid, vault in profile["Destinations"].items()
            },
        }
    mode = policy.get("ModeScheduleSkipAlreadyRunning", 0)
    if mode in (ENFORCED_ON, ENFORCED_OFF):
        skip = mode == ENFORCED_ON
        rules = profile["BackupRules"].items()
        profile = {**profile, "BackupRules": {g: {**rule, "SkipAlreadyRunning": skip} for g, rule in rules}}
    mode = policy.get("ModeScheduleLastJobFailDoRetry", 0)
    if mode in (ENFORCED_ON, ENFORCED_OFF):
        profile = {
            **profile,
            "BackupRules": {g: _with_retry(rule, policy, mode) for g, rule in profile["BackupRules"].items()},
        }
    return profile


def _with_retry(rule: Wire, policy: Wire, mode: int) -> Wire:
    """A schedule that tries again, or does not, as the policy enforces it."""
    triggers: Wire = {"OnLastJobFailDoRetry": mode == ENFORCED_ON}
    if mode == ENFORCED_ON:
        triggers["LastJobFailDoRetryCount"] = policy.get("ModeLastJobFailDoRetryCount") or _RETRY_COUNT
        triggers["LastJobFailDoRetryTime"] = policy.get("ModeLastJobFailDoRetryTime") or _RETRY_MINUTES
    return {**rule, "EventTriggers": {**rule["EventTriggers"], **triggers}}


def check_own_change(before: Wire, after: Wire) -> None:
    """Raises Refusal if an end user changes in his own profile what he may not."""
    policy = before["Policy"]
    for name in _NEVER_BY_USER:
        if before[name] != after[name]:
            raise _forbidden(name)
    for flag, names in _PLAIN_FIELDS:
        if policy[flag] and any(before[name] != after[name] for name in names):
            raise _forbidden(", ".join(names))
    items, vaults = ("Sources", "ProtectedItem"), ("Destinations", "StorageVault")
    for block, noun in (items, vaults):
        new, edit, delete = (policy[name] for name in _flags(noun))
        added = after[block].keys() - before[block].keys()
        removed = before[block].keys() - after[block].keys()
        kept = before[block].keys() & after[block].keys()
        edited = any(_plain(before[block][guid]) != _plain(after[block][guid]) for guid in kept)
        if (new and added) or (delete and removed) or (edit and edited):
            raise _forbidden(block)


def _flags(noun: str) -> tuple[str, str, str]:
    new = "PreventNewProtectedItem" if noun == "ProtectedItem" else "PreventAddCustomStorageVault"
    return new, f"PreventEdit{noun}", f"PreventDelete{noun}"


def _plain(entry: Wire) -> Wire:
    return {name: value for name, value in entry.items() if name != "Statistics"}


def _forbidden(what: str) -> Refusal:
    return Refusal(403, f"The policy of this account does not allow changing {what}")
