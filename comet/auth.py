"""Credentials, and which of them the next call carries.

None of them shows its secret in `repr`.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from comet import errors, lossless
from comet.types import WebAuthnSignResponse

_RENEWAL_PAUSE = 60.0  # seconds without another renewal after one that did not help


@dataclass(frozen=True, slots=True)
class Password:
    """User name and password."""

    username: str
    password: str = field(repr=False)

    def form(self) -> dict[str, str]:
        return {"Username": self.username, "AuthType": "Password", "Password": self.password}


@dataclass(frozen=True, slots=True)
class PasswordTOTP:
    """User name, password and a six-digit code. The code is good once: it buys a session key."""

    username: str
    password: str = field(repr=False)
    totp: str = field(repr=False)

    def form(self) -> dict[str, str]:
        return {
            "Username": self.username,
            "AuthType": "PasswordTOTP",
            "Password": self.password,
            "TOTP": self.totp,
        }


@dataclass(frozen=True, slots=True)
class SessionKey:
    """User name and a session key; it ends some time after its last use."""

    username: str
    session_key: str = field(repr=False)

    def form(self) -> dict[str, str]:
        return {"Username": self.username, "AuthType": "SessionKey", "SessionKey": self.session_key}


@dataclass(frozen=True, slots=True)
class PasswordWebAuthn:
    """User name, password and what a security key signed. The signature is good once: it buys a session key.

    A call with a `Password` raises `SecondFactorRequired`; its `webauthn_challenge()` goes to the browser
    that holds the security key, and what that signs comes back as `signature`.
    """

    username: str
    password: str = field(repr=False)
    signature: WebAuthnSignResponse = field(repr=False)

    def form(self) -> dict[str, str]:
        return {
            "Username": self.username,
            "AuthType": "PasswordWebAuthn",
            "Password": self.password,
            "WebAuthnSign": lossless.encode(self.signature).decode(),
        }


@dataclass(frozen=True, slots=True)
class TOTP:
    """User name and a six-digit code alone: the proof that `admin_account_session_upgrade` asks for."""

    username: str
    totp: str = field(repr=False)

    def form(self) -> dict[str, str]:
        return {"Username": self.username, "AuthType": "TOTP", "TOTP": self.totp}


Credential = Password | PasswordTOTP | PasswordWebAuthn | SessionKey | TOTP


_GOOD_ONCE = (PasswordTOTP, PasswordWebAuthn)


def is_user_path(path: str) -> bool:
    """Whether a path is for end users; they start their sessions elsewhere than administrators."""
    return path.startswith("/api/v1/user/")


class SignIn:
    """The credential of one client, turned into a session key where that is wanted.

    `start` asks the Comet Server for a session key. Safe to use from several threads: they wait for
    one session start and share its key.
    """

    def __init__(
        self,
        credential: Credential | None,
        *,
        use_session: bool,
        start: Callable[[Credential, str], SessionKey],
    ) -> None:
        self.credential = credential
        self.as_user = False  # whether the session was started as end user
        self._start = start
        self._lock = threading.Lock()
        self._session: SessionKey | None = credential if isinstance(credential, SessionKey) else None
        self._wants_session = use_session or isinstance(credential, _GOOD_ONCE)
        self._code_is_spent = False
        self._no_renewal_before = 0.0

    def current(self, path: str) -> Credential | None:
        """What the next call to `path` carries; starts a session first if there is none yet."""
        if self._session is not None or not self._wants_session:
            return self._session or self.credential
        return self.session(path)

    def session(self, path: str) -> SessionKey:
        """The session key, started if there is none yet.

        Raises:
            ValueError: the client has no credential.
            comet.CometError: the Comet Server did not give a key.
        """
        with self._lock:
            if self._session is None:
                self._session = self._started(path)
            return self._session

    def renewed(self, refused: Credential | None, path: str) -> Credential | None:
        """Another key for one that was refused, or None when there is no way to get one."""
        if not isinstance(self.credential, Password) or not self._wants_session:
            return None
        with self._lock:
            if self._session is not refused:
                return self._session  # another thread has renewed it
            if time.monotonic() < self._no_renewal_before:
                return None
            self._session = self._started(path)
            return self._session

    def renewal_did_not_help(self) -> None:
        """A fresh key was refused too: the key was not the reason, so stop renewing for a while."""
        self._no_renewal_before = time.monotonic() + _RENEWAL_PAUSE

    def held(self) -> SessionKey | None:
        """The session key, if there is one."""
        return self._session

    def forget(self) -> None:
        """The session key was given back."""
        with self._lock:
            self._session = None

    def _started(self, path: str) -> SessionKey:
        if self.credential is None:
            raise ValueError("a client without a credential cannot start a session")
        if self._code_is_spent:
            raise errors.SecondFactorRequired("the second factor was used already; a new one is needed")
        try:
            session = self._start(self.credential, path)
        except errors.ConnectionFailed:
            raise  # the code may not have arrived
        except errors.CometError:
            self._code_is_spent = isinstance(self.credential, _GOOD_ONCE)
            raise
        self._code_is_spent = isinstance(self.credential, _GOOD_ONCE)
        self.as_user = is_user_path(path)
        return session
