"""Who is calling: credentials of a call or of a stream, checked against the host it came to."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from comet.emulator import accounts, events, passwords
from comet.emulator.errors import Refusal, bad_request, unauthorised
from comet.emulator.server import Server

ADMIN, USER = "admin", "user"


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


def sign_in_admin(server: Server, given: Mapping[str, str], host: str, path: str) -> Caller:
    """The admin behind these credentials. Admins of an organization exist at its own hosts only."""
    name = _required(given, "Username")
    organization_id = server.organizations.at_host(host)
    auth_type = given.get("AuthType", "")
    if auth_type == "SessionKey":
        return _by_session(server, ADMIN, name, organization_id, given)
    if auth_type not in ("Password", "PasswordTOTP"):
        raise bad_request("Unsupported AuthType")
    record = server.admins.find(name, organization_id)
    if record is None:
        raise unauthorised()
    if not accounts.password_is_right(record, given.get("Password", "")):
        _tell(server, events.ADMIN_LOGIN_FAILED, name, organization_id, path)
        raise unauthorised()
    needs_code = not record["AllowPasswordLogin"]
    if needs_code and auth_type == "Password":
        headers = {"X-Comet-TOTP-Requested": "1"}
        raise Refusal(449, "A second factor is required", http_status=449, headers=headers)
    if needs_code and not passwords.verify_totp(record["TOTPKey"], given.get("TOTP", ""), time.time()):
        _tell(server, events.ADMIN_LOGIN_FAILED, name, organization_id, path)
        raise unauthorised()
    _tell(server, events.ADMIN_LOGIN, name, organization_id, path)
    return Caller(ADMIN, name, organization_id)


def sign_in_user(server: Server, given: Mapping[str, str], host: str, path: str) -> Caller:
    """The end user behind these credentials. Users of an organization exist at its own hosts only."""
    name = _required(given, "Username")
    organization_id = server.organizations.at_host(host)
    auth_type = given.get("AuthType", "")
    profile = server.profiles.stored(name)
    if auth_type == "SessionKey":
        caller = _by_session(server, USER, name, organization_id, given)
        if profile is None or profile["IsSuspended"]:
            raise unauthorised()
        return caller
    if auth_type != "Password":
        raise bad_request("Unsupported AuthType")
    if profile is None or profile.get("OrganizationID", "") != organization_id:
        raise unauthorised()
    allowed = profile["AllowPasswordLogin"] and not profile["IsSuspended"]
    if not allowed or not passwords.verify_password(given.get("Password", ""), profile["PasswordHash"]):
        _tell(server, events.USER_LOGIN_FAILED, name, organization_id, path)
        raise unauthorised()
    _tell(server, events.USER_LOGIN, name, organization_id, path)
    return Caller(USER, name, organization_id)


def sign_in_hybrid(server: Server, given: Mapping[str, str], host: str, path: str) -> Caller:
    """An admin if the credentials fit one, else an end user."""
    try:
        return sign_in_admin(server, given, host, path)
    except Refusal as refusal:
        if refusal.status != 403:
            raise
        return sign_in_user(server, given, host, path)


def _by_session(
    server: Server, kind: str, name: str, organization_id: str, given: Mapping[str, str]
) -> Caller:
    key = given.get("SessionKey", "")
    if not server.sessions.use(key, kind, name, organization_id):
        raise unauthorised()
    return Caller(kind, name, organization_id, session_key=key)


def _tell(server: Server, event_type: int, name: str, organization_id: str, path: str) -> None:
    server.hub.emit(event_type, actor=name, organization_id=organization_id, resource_id=path)


def _required(given: Mapping[str, str], name: str) -> str:
    value = given.get(name, "")
    if not value:
        raise bad_request(f"Missing parameter {name}")
    return value
