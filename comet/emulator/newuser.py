"""What a new User Profile holds, and the rules of names and passwords."""

import re
import secrets
from typing import Any

from comet.emulator import shapes
from comet.emulator.call import Call
from comet.emulator.enforcement import DEFAULT_ON, ENFORCED_OFF, ENFORCED_ON
from comet.emulator.errors import bad_request
from comet.emulator.passwords import hash_password

Wire = dict[str, Any]
_NAME = re.compile(r"[A-Za-z0-9_.@-]{1,255}")
_SHORTEST_PASSWORD = 8
_PLAIN, _HASHED = 0, 1


def blank(call: Call, organization_id: str) -> Wire:
    """UserProfileConfig of a new user, under the default policy and storage template of his organization."""
    server, username = call.server, call.text("TargetUser")
    if not _NAME.fullmatch(username):
        raise bad_request("A user name is 1 to 255 letters, digits and _ . @ -")
    if server.profiles.stored(username) is not None:
        raise bad_request("A user of that name exists")
    templates = server.settings.section(organization_id, "RemoteStorage")
    profile: Wire = shapes.zero("UserProfileConfig")
    profile.update(
        Username=username,
        OrganizationID=organization_id,
        LocalTimezone="UTC",
        LanguageCode="en_US",
        PolicyID=server.policies.default_of(organization_id),
        CreateTime=server.clock.seconds(),
        CreationGUID=server.new_guid(),
        SupportsDeviceAssociations=True,
        SendEmailReports=True,
        AllowPasswordLogin=True,
        AutoStorageTemplateGUID=next((option["ID"] for option in templates if option["Default"]), ""),
    )
    return profile


def decided(call: Call, profile: Wire, parameter: str, setting: str) -> bool:
    """A yes or no of a new user, as the policy enforces it, the call wants it, or the policy suggests it."""
    policy = call.server.policies.get(profile["PolicyID"])
    mode = policy["Policy"].get(setting, 0) if policy else 0
    if mode in (ENFORCED_ON, ENFORCED_OFF):
        return mode == ENFORCED_ON
    if parameter in call.values:
        return bool(call.number(parameter))
    return mode == DEFAULT_ON


def check_password(password: str) -> None:
    if len(password) < _SHORTEST_PASSWORD or "\n" in password or "\r" in password:
        raise bad_request("A password is one line of at least 8 characters")


def set_password(profile: Wire, password: str, *, recoverable: bool) -> None:
    check_password(password)
    profile.update(PasswordHash=hash_password(password), PasswordFormat=_HASHED)
    if recoverable:
        profile["PasswordRecovery"] = recovery_code()


def hash_plain_password(profile: Wire) -> None:
    """A profile may bring a new password as plain text, under format 0."""
    if profile["PasswordFormat"] == _PLAIN and profile["PasswordHash"]:
        set_password(profile, profile["PasswordHash"], recoverable=False)


def recovery_code() -> str:
    return secrets.token_urlsafe(48)
