"""Reads an answer: both error layers first, then the typed value."""

import codecs
import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar, cast, get_origin
from urllib.parse import quote, quote_plus

import msgspec

from comet import errors
from comet.lossless import decoder, structures_in, traced
from comet.spec.model import methods_by_name
from comet.structure import Structure
from comet.types import SessionKeyRegeneratedResponse
from comet.types.sent import SENT

T = TypeVar("T")

# What the decoder raises: wrong shape or syntax, wrong encoding, brackets in brackets without end.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_SECOND_FACTOR = 449
_BY_STATUS: dict[int, type[errors.APIError]] = {
    401: errors.Forbidden,
    403: errors.Forbidden,
    409: errors.Conflict,
    429: errors.RateLimited,
    _SECOND_FACTOR: errors.SecondFactorRequired,
}
_CHECKED_BYTES = 1024 * 1024  # at a time, so that a long answer is not held twice
_MESSAGE_LIMIT = 500  # characters of a server's own words that an error repeats
_CREDENTIAL = ("Password", "SessionKey", "TOTP", "WebAuthnSign", "password", "apiToken", "authToken")
_CHALLENGES = {"totp": "X-Comet-TOTP-Requested", "u2f": "X-Comet-U2F-Challenge"}


class Envelope(msgspec.Struct, rename="pascal", gc=False):
    """Status and Message. Only both together mean an error: a Job has a Status of its own."""

    status: Any = None
    message: Any = None

    def is_error(self) -> bool:
        return type(self.status) is int and isinstance(self.message, str) and self.status >= 400


@dataclass(slots=True)
class Answer:
    """What came back, and to which question."""

    server: str
    method: str
    http_status: int
    headers: Mapping[str, str]  # looked up without regard to case
    body: bytearray = field(repr=False)
    sent: Mapping[str, str] = field(default_factory=dict, repr=False)  # credential and parameters

    def content_type(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    def is_page(self) -> bool:
        return self.content_type() == "text/html" or self.body[:256].lstrip().startswith(b"<")

    def envelope(self) -> Envelope | None:
        """Status and Message, when the body holds both and they say "error"."""
        if not self.body[:64].lstrip().startswith(b"{"):
            return None
        try:
            envelope = decoder(Envelope).decode(self.body)
        except UNREADABLE:
            return None
        return envelope if envelope.is_error() else None

    def fail(self, kind: type[errors.CometError], message: str, status: int | None = None) -> NoReturn:
        raise self.error(kind, message, status)

    def error(
        self, kind: type[errors.CometError], message: str, status: int | None = None
    ) -> errors.CometError:
        return kind(
            self.masked(message)[:_MESSAGE_LIMIT],
            server=self.server,
            method=self.method,
            http_status=self.http_status,
            status=status,
        )

    def masked(self, text: str) -> str:
        """A server's own words without what was sent to it in confidence, should it repeat that."""
        known = methods_by_name().get(self.method)
        secret_params = [param.name for param in known.params if param.secret] if known else []
        for secret in filter(None, map(self.sent.get, [*_CREDENTIAL, *secret_params])):
            for spelling in (secret, quote_plus(secret), quote(secret, ""), json.dumps(secret)[1:-1]):
                text = text.replace(spelling, "***")
        return text


def check_http(answer: Answer) -> None:
    """Raises when the HTTP status says that the call failed."""
    if 200 <= answer.http_status < 300:
        return
    check_redirect(answer)
    envelope = answer.envelope()
    if envelope is not None:
        fail_by_status(answer, envelope)
    if answer.http_status >= 500:
        answer.fail(errors.ServerError, "failed and did not say why")
    if answer.http_status == _SECOND_FACTOR:
        raise _second_factor(answer, "A second factor is needed", None)
    if answer.http_status in (403, 409, 429):
        answer.fail(_BY_STATUS[answer.http_status], "refused without a reason")
    answer.fail(errors.NotComet, "is not a Comet Server, or the address holds a wrong path")


def check_redirect(answer: Answer) -> None:
    """Raises for a redirect: none is followed, since the credential must not go elsewhere."""
    if 300 <= answer.http_status < 400:
        location = answer.masked(answer.headers.get("Location", ""))
        redirect = answer.error(errors.NotComet, f"answered with a redirect to {location or 'nowhere'}")
        cast(errors.NotComet, redirect).location = location
        raise redirect


def check_envelope(answer: Answer) -> None:
    """Raises when the body says that the call failed."""
    envelope = answer.envelope()
    if envelope is not None:
        fail_by_status(answer, envelope)


def fail_by_status(answer: Answer, envelope: Envelope) -> NoReturn:
    """Raises the error that an envelope stands for."""
    kind = _BY_STATUS.get(envelope.status, errors.APIError)
    if 500 <= envelope.status < 600:
        kind = errors.ServerError
    message = envelope.message or "refused without a reason"
    if kind is errors.SecondFactorRequired or answer.http_status == _SECOND_FACTOR:
        raise _second_factor(answer, message, envelope.status)
    answer.fail(kind, message, envelope.status)


def check_encoding(answer: Answer) -> None:
    """Raises for what is not UTF-8. Reading alone would not notice it where nothing is looked at."""
    if answer.body.isascii():
        return
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with memoryview(answer.body) as view:
            for start in range(0, len(view), _CHECKED_BYTES):
                decoder.decode(view[start : start + _CHECKED_BYTES])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as problem:
        raise answer.error(errors.NotJSON, "answered something that is not UTF-8") from problem


def read_json(answer: Answer, reply: type[T]) -> T:
    """The body as `reply`, able to be sent back without loss. A null list or map is an empty one."""
    check_http(answer)
    container = get_origin(reply)
    if container is None:  # a structure would take an error envelope for its own, with every field missing
        check_envelope(answer)
    elif answer.body[:5].strip() == b"null":
        return cast(T, container())
    try:
        value: T = decoder(reply).decode(answer.body)
    except UNREADABLE as problem:
        check_envelope(answer)
        _fail_undecodable(answer, problem)
    check_encoding(answer)
    if isinstance(value, msgspec.Struct) and not _has_known_field(answer, type(value)):
        answer.fail(errors.NotComet, "answered JSON that is not Comet's")
    kind: Any = reply
    return traced(value, answer.body) if _may_be_sent(kind) else value


def read_text(answer: Answer) -> str:
    """The body as text; an error in its place is raised."""
    return read_bytes(answer).decode("utf-8", "replace")


def read_bytes(answer: Answer) -> bytes:
    """The body as it is; an error or a web page in its place is raised."""
    check_http(answer)
    check_envelope(answer)
    if answer.content_type() == "text/html":
        answer.fail(errors.NotComet, "answered with a web page")
    return bytes(answer.body)


@functools.cache
def _may_be_sent(reply: Any) -> bool:
    """Whether a reply holds structures that some method takes: only those must be written without loss."""
    waiting = structures_in(reply)
    met: set[type[Structure]] = set()
    while waiting:
        structure = waiting.pop()
        if structure in SENT:
            return True
        met.add(structure)
        fields = msgspec.structs.fields(structure)
        waiting |= {found for field in fields for found in structures_in(field.type)} - met
    return False


def _fail_undecodable(answer: Answer, problem: Exception) -> NoReturn:
    if answer.is_page():
        raise answer.error(errors.NotComet, "answered with a web page") from problem
    if isinstance(problem, msgspec.ValidationError):
        raise answer.error(errors.NotComet, f"answered JSON that is not Comet's: {problem}") from problem
    raise answer.error(
        errors.NotJSON, f"answered something that is not JSON: {_reason(problem)}"
    ) from problem


def _reason(problem: Exception) -> str:
    """A decoder's complaint without any of the bytes it complains about."""
    return re.sub(r"b?'.*'", "...", str(problem))


def _has_known_field(answer: Answer, structure: type[msgspec.Struct]) -> bool:
    # The first field of a structure is nearly always there, so this is one short search.
    names = structure.__struct_encode_fields__
    return not names or any(f'"{name}"'.encode() in answer.body for name in names)


def _second_factor(answer: Answer, message: str, status: int | None) -> errors.CometError:
    error = answer.error(errors.SecondFactorRequired, message, status)
    offered = {
        kind: answer.headers[header] for kind, header in _CHALLENGES.items() if header in answer.headers
    }
    for header in answer.headers:
        if header.lower().startswith("x-comet-webauthn"):
            offered["webauthn"] = answer.headers[header]
    if isinstance(error, errors.SecondFactorRequired):
        error.kinds = frozenset(offered)
        error.challenges = {kind: value for kind, value in offered.items() if kind != "totp"}
        error.pending_key = _pending_key(answer)
    return error


def _pending_key(answer: Answer) -> str:
    try:
        return msgspec.json.decode(answer.body, type=SessionKeyRegeneratedResponse).session_key
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""  # not every server gives one
