"""A typed client for Comet Server."""

from comet.auth import Credential, Password, PasswordTOTP, SessionKey
from comet.client import CometClient
from comet.errors import (
    AddressRefused,
    APIError,
    BadAddress,
    BodyTooLarge,
    CometError,
    Conflict,
    ConnectionFailed,
    ConnectionRefused,
    Forbidden,
    NameNotFound,
    NotComet,
    NotJSON,
    RateLimited,
    SecondFactorRequired,
    ServerError,
    Timeout,
    TLSError,
)

__all__ = [
    "APIError",
    "AddressRefused",
    "BadAddress",
    "BodyTooLarge",
    "CometClient",
    "CometError",
    "Conflict",
    "ConnectionFailed",
    "ConnectionRefused",
    "Credential",
    "Forbidden",
    "NameNotFound",
    "NotComet",
    "NotJSON",
    "Password",
    "PasswordTOTP",
    "RateLimited",
    "SecondFactorRequired",
    "ServerError",
    "SessionKey",
    "TLSError",
    "Timeout",
]
