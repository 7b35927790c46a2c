"""Who is calling: credentials of a call or of a stream, checked against the host they came to."""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import HTTPConnection

from comet.emulator import accounts, events, passwords
from comet.emulator.errors import Refusal, bad_request, unauthorised
from comet.emulator.server import Server

ADMIN, USER = "admin", "user"
Wire = dict[str, Any]
_ADMIN_TYPES = ("Password", "PasswordTOTP", "PasswordWebAuthn", "PasswordU2F", "TOTP", "SessionKey")
_USER_TYPES = ("Password", "PasswordTOTP", "LKey", "SessionKey")
_UPGRADE = "/api/v1/admin/account/session-upgrade"


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated account. `organization_id` is empty for the top level."""

    kind: str
    username: str
    organization_id: str
    session_key: str = ""

    @property
    def is_top_level(self) -> bool:
        return self.kind == ADMIN and not self.organization_id

    @property
    def sees(self) -> str | None:
        """The one organization whose things an admin sees, or None for all of them."""
        return self.organization_id or None

    def __repr__(self) -> str:
        return f"Caller({self.kind} {self.username!r} of {self.organization_id!r})"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a call came to, and where it came from."""

    host: str
    path: str
    address: str


def origin_of(server: Server, connection: HTTPConnection) -> Origin:
    """Behind a trusted proxy the left-most forwarded address is the caller's."""
    address = connection.client.host if connection.client else ""
    if server.settings["TrustXForwardedFor"]:
        forwarded = connection.headers.get("x-forwarded-for", "")
        address = forwarded.partition(",")[0].strip() or address
    return Origin(connection.headers.get("host", ""), connection.url.path, address)


def sign_in_nobody(server: Server, given: Mapping[str, str], origin: Origin) -> Caller:
    """Methods that need no credentials."""
    return Caller("", "", server.organizations.at_host(origin.host))


def sign_in_for_download(server: Server, given: Mapping[str, str], origin: Origin) -> Caller:
    """Credentials are needed unless downloads are open to everybody."""
    if "Username" not in given and server.settings["SoftwareBuildRole"]["AllowUnauthenticatedDownloads"]:
        return sign_in_nobody(server, given, origin)
    return sign_in_admin(server, given, origin)


def sign_in_admin(server: Server, given: Mapping[str, str], origin: Origin) -> Caller:
    """The admin behind these credentials. Admins of an organization exist at its own hosts only."""
    name, auth_type = _required(given, "Username"), given.get("AuthType", "")
    organization_id = _organization_at(server, origin)
    if auth_type not in _ADMIN_TYPES:
        raise bad_request("Unsupported AuthType")
    record = server.admins.find(name, organization_id)
    if record is not None and not _comes_from_allowed_address(record, origin.address):
        raise unauthorised()
    if auth_type == "SessionKey":
        return _by_session(server, ADMIN, name, organization_id, given)
    account = (ADMIN, organization_id, name)
    server.protection.admit(account)
    if record is None:
        raise unauthorised()
    if auth_type == "TOTP":
        proven = origin.path == _UPGRADE and bool(record.get("TOTPKey"))
    else:
        proven = accounts.password_is_right(record, given.get("Password", ""))
    if proven and auth_type == "Password" and not record["AllowPasswordLogin"]:
        raise _second_factor_wanted(server, record, origin)
    if not proven or (auth_type != "Password" and not _second_factor_is_right(server, record, given)):
        server.protection.note_failure(account)
        _tell(server, events.ADMIN_LOGIN_FAILED, name, organization_id, origin)
        raise unauthorised()
    server.protection.note_success(account)
    _tell(server, events.ADMIN_LOGIN, name, organization_id, origin)
    return Caller(ADMIN, name, organization_id)


def sign_in_user(server: Server, given: Mapping[str, str], origin: Origin) -> Caller:
    """The end user behind these credentials. Users of an organization exist at its own hosts only."""
    name, auth_type = _required(given, "Username"), given.get("AuthType", "")
    organization_id = _organization_at(server, origin)
    if auth_type not in _USER_TYPES:
        raise bad_request("Unsupported AuthType")
    profile = server.profiles.stored(name)
    if auth_type == "SessionKey":
        caller = _by_session(server, USER, name, organization_id, given)
        if profile is None or profile["IsSuspended"]:
            raise unauthorised()
        return caller
    account = (USER, organization_id, name)
    server.protection.admit(account)
    if profile is None or profile.get("OrganizationID", "") != organization_id:
        raise unauthorised()
    if auth_type == "LKey":
        proven = given.get("LKey", "") == server.local_key(name)
    else:
        proven = passwords.verify_password(given.get("Password", ""), profile["PasswordHash"])
    if profile["IsSuspended"] or profile["Policy"]["PreventOpenWebUI"]:
        proven = False
    if auth_type == "Password" and not profile["AllowPasswordLogin"]:
        proven = proven and profile["AllowPasswordAndTOTPLogin"]
    if proven and auth_type == "Password" and not profile["AllowPasswordLogin"]:
        raise Refusal(449, "ERR_TOTP_REQUIRED", http_status=449, headers={"X-Comet-TOTP-Requested": "1"})
    if auth_type == "PasswordTOTP":
        proven = proven and profile["AllowPasswordAndTOTPLogin"] and _code_is_right(profile, given)
    if not proven:
        server.protection.note_failure(account)
        _tell(server, events.USER_LOGIN_FAILED, name, organization_id, origin)
        raise unauthorised()
    server.protection.note_success(account)
    _tell(server, events.USER_LOGIN, name, organization_id, origin)
    return Caller(USER, name, organization_id)


def sign_in_hybrid(server: Server, given: Mapping[str, str], origin: Origin) -> Caller:
    """An admin if the credentials fit one, else an end user."""
    try:
        return sign_in_admin(server, given, origin)
    except Refusal as refusal:
        if refusal.status not in (400, 403):
            raise
        return sign_in_user(server, given, origin)


def _organization_at(server: Server, origin: Origin) -> str:
    organization_id = server.organizations.at_host(origin.host)
    organization = server.organizations.get(organization_id)
    if organization is not None and organization["IsSuspended"]:
        raise Refusal(403, "This organization is suspended")
    return organization_id


def _by_session(
    server: Server, kind: str, name: str, organization_id: str, given: Mapping[str, str]
) -> Caller:
    key = given.get("SessionKey", "")
    if not server.sessions.use(key, kind, name, organization_id):
        raise Refusal(server.assumptions.refused_session_status, unauthorised().message)
    return Caller(kind, name, organization_id, session_key=key)


def _comes_from_allowed_address(record: Wire, address: str) -> bool:
    """IPWhitelist is one regular expression, not anchored; empty allows every address."""
    pattern = record.get("IPWhitelist", "")
    try:
        return not pattern or re.search(pattern, address) is not None
    except re.error:
        return False


def _second_factor_wanted(server: Server, record: Wire, origin: Origin) -> Refusal:
    """HTTP 449 with what would be accepted. Its body carries a key that session-upgrade makes a full one."""
    headers = {}
    if record["AllowPasswordAndTOTPLogin"] and record.get("TOTPKey"):
        headers["X-Comet-TOTP-Requested"] = "1"
    if record["AllowPasswordAndWebAuthnLogin"] and record.get("WebAuthnRegistrations"):
        request = server.security_keys.begin_sign_in(record, origin.host)
        challenge = json.dumps(request, separators=(",", ":"))
        headers["X-Comet-WebAuthn-Challenge"] = headers["X-Comet-U2F-Challenge"] = challenge
    if record["AllowPasswordAndU2FLogin"] and record.get("U2FRegistrations"):
        scheme = "https" if server.options.tls else "http"
        request = server.u2f_tokens.begin_sign_in(record, f"{scheme}://{origin.host}/")
        headers["X-Comet-U2F-Challenge"] = json.dumps(request, separators=(",", ":"))
    if not headers:
        return unauthorised()
    pending = server.sessions.start(ADMIN, record["Username"], record["OrganizationID"], pending=True)
    extra = {"SessionKey": pending, "SessionType": ADMIN}
    return Refusal(449, "ERR_TOTP_REQUIRED", http_status=449, headers=headers, extra=extra)


def _second_factor_is_right(server: Server, record: Wire, given: Mapping[str, str]) -> bool:
    if given["AuthType"] == "PasswordWebAuthn":
        allowed = record["AllowPasswordAndWebAuthnLogin"]
        return allowed and server.security_keys.is_signed(record, given.get("WebAuthnSign", ""))
    if given["AuthType"] == "PasswordU2F":
        return record["AllowPasswordAndU2FLogin"] and server.u2f_tokens.is_signed(
            record, given.get("U2FSign", "")
        )
    if record["AllowPasswordLogin"] and not record.get("TOTPKey"):
        return True  # no second factor is set up: a superfluous code does no harm
    return bool(record["AllowPasswordAndTOTPLogin"]) and _code_is_right(record, given)


def _code_is_right(record: Wire, given: Mapping[str, str]) -> bool:
    secret = record.get("TOTPKey", "")
    return bool(secret) and passwords.verify_totp(secret, given.get("TOTP", ""), time.time())


def _tell(server: Server, event_type: int, name: str, organization_id: str, origin: Origin) -> None:
    server.hub.emit(event_type, actor=name, organization_id=organization_id, resource_id=origin.path)


def _required(given: Mapping[str, str], name: str) -> str:
    value = given.get(name, "")
    if not value:
        raise bad_request(f"Missing parameter {name}")
    return value
