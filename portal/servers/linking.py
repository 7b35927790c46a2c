"""Finds out whether an address and a credential make a Comet Server that can be linked."""

import re
import time
from dataclasses import dataclass
from typing import Final

import structlog

import comet
from comet.types import ServerMetaVersionInfo
from portal.core.addresses import AddressForbidden, WatchingGuard
from portal.servers.clients import new_client
from portal.servers.errors import LinkRefused
from portal.servers.models import CometServer

OLDEST_VERSION: Final = (22, 6)
"""The first Comet version that has all calls the portal makes."""

EVEN_SECONDS: Final = 6.5
"""How long each failure takes that is not told apart: a little more than the budget `link_blind`."""

NOT_REACHED: Final = (
    "The portal found no Comet Server at this address. Check its spelling, its port and http or https. An"
    " address that is not public must be allowed by whoever runs the portal, who finds the reason in the log."
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Credential:
    """What somebody typed: a password, with a code where the admin has a second factor, or a session key."""

    username: str
    password: str = ""
    totp_code: str = ""
    session_key: str = ""

    def __repr__(self) -> str:
        return f"Credential({self.username!r})"

    def for_client(self) -> comet.Credential:
        if self.session_key:
            return comet.SessionKey(self.username, self.session_key)
        if self.totp_code:
            return comet.PasswordTOTP(self.username, self.password, self.totp_code)
        return comet.Password(self.username, self.password)

    @property
    def dies(self) -> bool:
        """Whether only a session key is left of it, which ends some time after its last use."""
        return bool(self.session_key or self.totp_code)


@dataclass(frozen=True, slots=True)
class Proven:
    """A server that answered, and what of the credential is to be kept."""

    version: ServerMetaVersionInfo
    kind: CometServer.CredentialKind
    password: str | None
    session_key: str | None

    def __repr__(self) -> str:
        return f"Proven({self.version.version!r})"


def prove(api_url: str, credential: Credential, *, tells_all: bool = True) -> Proven:
    """Ask AdminMetaVersion and AdminAccountProperties. Nothing is stored.

    Without `tells_all`, where an address is not public, all that can be wrong between here and there
    has one sentence and takes one time: the form is no scanner of the network the portal stands in.

    Raises:
        LinkRefused: names the form field at fault and says what is wrong with it.
    """
    began, guard = time.monotonic(), WatchingGuard()
    purpose = "link" if tells_all else "link_blind"
    try:
        with new_client(api_url, credential.for_client(), purpose=purpose, guard=guard) as client:
            version = client.admin_meta_version()
            properties = client.admin_account_properties()
            session_key = client.start_session().session_key if credential.dies else None
    except comet.CometError as error:
        if not tells_all and error.status is None and not guard.met_public_ones_alone:
            log.info("server.not_reached", api_url=api_url, error=type(error).__name__)
            time.sleep(max(0.0, EVEN_SECONDS - (time.monotonic() - began)))
            raise LinkRefused("api_url", NOT_REACHED) from error
        raise refusal(error, api_url, credential) from error
    _check_server(version, api_url)
    if properties.organization_id:
        raise LinkRefused(
            "username",
            f"{credential.username} is an administrator of one organization only. Link the server with a"
            " server administrator: one that belongs to no organization.",
        )
    if session_key is not None:
        return Proven(version, CometServer.CredentialKind.SESSION_KEY, None, session_key)
    return Proven(version, CometServer.CredentialKind.PASSWORD, credential.password, None)


def _check_server(version: ServerMetaVersionInfo, api_url: str) -> None:
    if not version.server_license_hash:
        raise LinkRefused("api_url", f"{api_url} answers, but not as a licensed Comet Server does.")
    if not version.authentication_role:
        raise LinkRefused(
            "api_url",
            "This Comet Server has its Auth Role turned off, so it holds no users. Turn the role on in its"
            " settings, or link the server that has it.",
        )
    numbers = tuple(int(part) for part in re.findall(r"\d+", version.version)[:2])
    if numbers < OLDEST_VERSION:
        oldest = ".".join(map(str, OLDEST_VERSION))
        raise LinkRefused(
            "api_url",
            f"This Comet Server runs version {version.version or 'unknown'}; the portal needs {oldest} or"
            " newer. Update it first.",
        )


def refusal(error: comet.CometError, api_url: str, credential: Credential) -> LinkRefused:
    """What a failed call says to the person at the form."""
    match error:
        case comet.NameNotFound():
            return LinkRefused("api_url", "No such host name was found. Check the spelling of the address.")
        case comet.ConnectionRefused():
            return LinkRefused(
                "api_url",
                "Nothing listens there: the connection was refused. Check the port; a Comet Server's own is"
                " 8060.",
            )
        case comet.AddressRefused():
            return LinkRefused(
                "api_url", f"The portal may not connect to this address. {_guards_reason(error)}"
            )
        case comet.TLSError():
            return LinkRefused(
                "api_url",
                f"The encrypted connection failed: {error.message}. Check the certificate, or whether the"
                " address begins with http:// where the server speaks no TLS.",
            )
        case comet.Timeout():
            return LinkRefused(
                "api_url", "The server did not answer in time. Check the address and any firewall before it."
            )
        case comet.ConnectionFailed():
            return LinkRefused(
                "api_url", f"The connection broke off: {error.message}. Check address and port."
            )
        case comet.BodyTooLarge() | comet.NotComet():
            return LinkRefused(
                "api_url",
                f"Something answers there, but it is not a Comet Server: it {error.message}."
                " Check host, port and http or https.",
            )
        case comet.SecondFactorRequired():
            return _second_factor(error, credential)
        case comet.Forbidden():
            return _forbidden(credential)
        case comet.RateLimited():
            return LinkRefused(
                "username",
                "The server wants a pause after too many sign-ins. Wait some minutes, then try again.",
            )
        case comet.ServerError():
            return LinkRefused(
                "api_url", f"The server failed ({error.http_status or error.status}): {error.message}"
            )
        case _:
            return LinkRefused("api_url", f"The server refused ({error.status}): {error.message}")


def _guards_reason(error: BaseException) -> str:
    """What the address guard said, somewhere below the client's error."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, AddressForbidden):
            return str(cause)
        cause = cause.__cause__
    return "Ask whoever runs the portal to allow it."


def _second_factor(error: comet.SecondFactorRequired, credential: Credential) -> LinkRefused:
    if credential.totp_code:
        return LinkRefused("totp_code", "The code was not accepted. Type the one shown now.")
    if error.kinds and "totp" not in error.kinds:
        return LinkRefused(
            "session_key",
            "The password is right, and this administrator signs in with a security key, which the portal"
            " cannot use. Paste a session key here, or use an administrator without a second factor.",
        )
    return LinkRefused(
        "totp_code",
        "The password is right, and this administrator has a second factor. Type its six-digit code.",
    )


def _forbidden(credential: Credential) -> LinkRefused:
    if credential.session_key:
        return LinkRefused(
            "session_key",
            "The server refused this session key (403). It may have run out, or be another person's.",
        )
    field = "totp_code" if credential.totp_code else "password"
    what = "name, password or code" if credential.totp_code else "name or password"
    return LinkRefused(
        field,
        f"The server refused the sign-in (403): wrong {what}. Or the address belongs to an organization:"
        " server administrators sign in only at an address that no organization uses.",
    )
