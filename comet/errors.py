"""Everything that can go wrong in a call, told apart by class and by number.

    CometError
      BadAddress            the address is not one of a web server
      BadParameter          a parameter is missing, unknown or of the wrong type; nothing was sent
      ConnectionFailed      nothing was answered
        NameNotFound          the name has no address
        ConnectionRefused     nobody listens there
        AddressRefused        `address_guard` does not allow this address
        TLSError              the certificate or the encryption does not fit
        Timeout               connecting or answering took too long
      BodyTooLarge          the answer is longer than allowed
      NotComet              something answered that is not a Comet Server
        NotJSON               the answer is cut off, or not JSON at all
      APIError              the Comet Server refused; `status` says why
        Forbidden             403
        SecondFactorRequired  449
        Conflict              409
        RateLimited           429
        ServerError           500 and above

Decide on the class and the numbers, never on `message`: Comet translates it.
"""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from comet.types import WebAuthnSignRequest


class CometError(Exception):
    """A call that failed.

    `http_status` is what HTTP said, `status` what the body said; either is None when nothing was
    said on that layer. `message` is for people.
    """

    def __init__(
        self,
        message: str,
        *,
        server: str = "",
        method: str = "",
        http_status: int | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.server = server
        self.method = method
        self.http_status = http_status
        self.status = status

    def __str__(self) -> str:
        where = ": ".join(part for part in (self.server, self.method) if part)
        number = self.status if self.status is not None else self.http_status
        text = f"{where}: {self.message}" if where else self.message
        return f"{text} ({number})" if number is not None else text


class BadAddress(CometError, ValueError):
    """The address is not `http://host` or `https://host`, with or without a port."""


class BadParameter(CometError, TypeError):
    """A parameter is missing, unknown or of the wrong type; nothing was sent."""


class ConnectionFailed(CometError):
    """Nothing was answered, or the answer broke off."""


class NameNotFound(ConnectionFailed):
    """The name has no address."""


class ConnectionRefused(ConnectionFailed):
    """The machine is there, and nobody listens on the port."""


class AddressRefused(ConnectionFailed):
    """The name leads to an address that must not be connected to; its `__cause__` is the guard's reason."""


class TLSError(ConnectionFailed):
    """The certificate is not trusted or not for this name, or the encryption does not fit."""


class Timeout(ConnectionFailed):
    """Connecting, or the whole answer, took longer than the call may take."""


class BodyTooLarge(CometError):
    """The answer is longer than `max_body_bytes`."""


class NotComet(CometError):
    """Something answered that does not speak Comet: a web page, other JSON, a redirect.

    `location` is where a redirect points to; it was not followed.
    """

    location: str | None = None


class NotJSON(NotComet):
    """The answer should be JSON and is not, or breaks off in the middle."""


class APIError(CometError):
    """The Comet Server understood and refused."""


class Forbidden(APIError):
    """403: wrong credential, expired session key, a missing right, or a connection that is gone."""


class SecondFactorRequired(APIError):
    """449: the password is right and one more proof is needed.

    `kinds` are the proofs the server offers, of `totp`, `webauthn` and `u2f`; `challenges` holds what a
    security key has to sign, by kind. `pending_key` is the session key a server may give for the password
    alone; `admin_account_session_upgrade` makes it a full one.
    """

    kinds: frozenset[str] = frozenset()
    challenges: Mapping[str, str] = MappingProxyType({})
    pending_key: str = ""

    def webauthn_challenge(self) -> WebAuthnSignRequest | None:
        """What a security key has to sign, for `navigator.credentials.get`; None if none is offered.

        The browser's answer, as JSON, goes into `PasswordWebAuthn` with the challenge's `challenge_id`.
        """
        text = self.challenges.get("webauthn")
        if text is None:
            return None
        try:
            return msgspec.json.decode(text, type=WebAuthnSignRequest)
        except (msgspec.DecodeError, UnicodeEncodeError):
            return None


class Conflict(APIError):
    """409: what was read has changed on the server since."""


class RateLimited(APIError):
    """429: too many attempts; the server wants a pause."""


class ServerError(APIError):
    """500 and above: the server, or a proxy before it, failed."""
