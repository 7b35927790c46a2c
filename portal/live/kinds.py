"""Types of events, as people name them. A type that is not listed is shown by its own name."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from comet.constants import StreamableEventType as Type


class Kind(NamedTuple):
    """How one type of event is told: its group, and a line; `{0}` is what it speaks of."""

    group: str
    line: str


GROUPS: Final[Mapping[str, str]] = {
    "job": "Jobs",
    "device": "Devices",
    "user": "Users",
    "sign-in": "Sign-ins",
    "admin": "Administrators",
    "policy": "Policies and groups",
    "organization": "Organizations",
    "storage": "Storage",
    "server": "Server",
    "gap": "Not observed",
    "other": "Everything else",
}
"""Groups of types, as the activity page's filter offers them."""

OWN_TYPES: Final = range(1, 3)
"""Types of the portal's own events (`models.Event.Own`); no Comet Server has such."""

KINDS: Final[Mapping[int, Kind]] = {
    **dict.fromkeys(OWN_TYPES, Kind("gap", "Not observed")),
    Type.META_HELLO: Kind("server", "Event stream opened"),
    Type.ACCOUNT_NEW: Kind("user", "User {0} added"),
    Type.ACCOUNT_REMOVED: Kind("user", "User {0} removed"),
    Type.ACCOUNT_UPDATED: Kind("user", "User {0} changed"),
    Type.ACCOUNT_LOGIN: Kind("sign-in", "User {0} signed in"),
    Type.ACCOUNT_LOGIN_FAILED: Kind("sign-in", "Sign-in of user {0} failed"),
    Type.ACCOUNT_SESSION_START: Kind("sign-in", "Session of user {0} started"),
    Type.ACCOUNT_SESSION_REVOKE: Kind("sign-in", "Session of user {0} ended"),
    Type.ACCOUNT_SESSION_EXPIRE: Kind("sign-in", "Session of user {0} expired"),
    Type.ACCOUNT_ADMIN_NEW: Kind("admin", "Administrator {0} added"),
    Type.ACCOUNT_ADMIN_REMOVED: Kind("admin", "Administrator {0} removed"),
    Type.ACCOUNT_ADMIN_UPDATED: Kind("admin", "Administrator {0} changed"),
    Type.ACCOUNT_ADMIN_LOGIN: Kind("sign-in", "Administrator {0} signed in"),
    Type.ACCOUNT_ADMIN_LOGIN_FAILED: Kind("sign-in", "Sign-in of administrator {0} failed"),
    Type.ACCOUNT_ADMIN_SESSION_START: Kind("sign-in", "Session of administrator {0} started"),
    Type.ACCOUNT_ADMIN_SESSION_REVOKE: Kind("sign-in", "Session of administrator {0} ended"),
    Type.ACCOUNT_ADMIN_SESSION_EXPIRE: Kind("sign-in", "Session of administrator {0} expired"),
    Type.JOB_NEW: Kind("job", "{0} started"),
    Type.JOB_COMPLETED: Kind("job", "{0} ended"),
    Type.BUCKET_NEW: Kind("storage", "Storage bucket {0} made"),
    Type.BUCKET_REMOVED: Kind("storage", "Storage bucket {0} removed"),
    Type.SERVER_STARTED: Kind("server", "Server started"),
    Type.SERVER_RESTARTED: Kind("server", "Server is about to restart"),
    Type.SERVER_SHUTDOWN: Kind("server", "Server is about to stop"),
    Type.SERVER_UPDATED: Kind("server", "Server configuration changed"),
    Type.TENANT_NEW: Kind("organization", "Organization {0} added"),
    Type.TENANT_REMOVED: Kind("organization", "Organization {0} removed"),
    Type.TENANT_UPDATED: Kind("organization", "Organization {0} changed"),
    Type.POLICY_NEW: Kind("policy", "Policy {0} added"),
    Type.POLICY_REMOVED: Kind("policy", "Policy {0} removed"),
    Type.POLICY_UPDATED: Kind("policy", "Policy {0} changed"),
    Type.DEVICE_NEW: Kind("device", "Device {0} registered"),
    Type.DEVICE_REMOVED: Kind("device", "Device {0} removed"),
    Type.DEVICE_LIVE_CONNECT: Kind("device", "Device {0} came online"),
    Type.DEVICE_LIVE_DISCONNECT: Kind("device", "Device {0} went offline"),
    Type.DEVICE_LOBBY_CONNECT: Kind("device", "Unregistered device {0} entered the lobby"),
    Type.DEVICE_LOBBY_DISCONNECT: Kind("device", "Unregistered device {0} left the lobby"),
    Type.USERGROUP_NEW: Kind("policy", "User group {0} added"),
    Type.USERGROUP_REMOVED: Kind("policy", "User group {0} removed"),
    Type.USERGROUP_UPDATED: Kind("policy", "User group {0} changed"),
    Type.SQUOTA_NEW: Kind("storage", "Shared quota {0} added"),
    Type.SQUOTA_REMOVED: Kind("storage", "Shared quota {0} removed"),
    Type.SQUOTA_UPDATED: Kind("storage", "Shared quota {0} changed"),
}


def group_of(type_number: int) -> str:
    kind = KINDS.get(type_number)
    return kind.group if kind else "other"


def types_in(group: str) -> list[int]:
    """The types of one group; of "other", those that are named in no group."""
    return [int(number) for number, kind in KINDS.items() if kind.group == group]
