"""Long lists and maps read element by element, without decoding the elements."""

import hashlib
from collections.abc import Iterator

import msgspec

from comet import errors
from comet.answers import UNREADABLE, Answer, Envelope, check_encoding, check_http, fail_by_status, read_json

_MAP = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])


class RawElement(msgspec.Struct, frozen=True, gc=False):
    """One element of a JSON list or map as the server sent it.

    `key` is the map's key, or the position in the list; `raw` is a view into the whole body, which it
    keeps in memory; `digest` is the SHA-256 of `raw`.
    """

    key: str
    raw: memoryview
    digest: bytes

    def __repr__(self) -> str:  # what is in `raw` may be secret
        return f"RawElement({self.key!r}, digest={self.digest.hex()})"


def split_elements(answer: Answer) -> Iterator[RawElement]:
    """The elements of an answer; its errors are raised at once, before the first element is asked for."""
    check_http(answer)
    check_encoding(answer)
    is_list = answer.body[:64].lstrip().startswith(b"[")
    try:
        if is_list:
            return _digested(zip(map(str, range(1 << 62)), _LIST.decode(answer.body), strict=False))
        if answer.body[:5].strip() == b"null":
            return iter(())
        elements = _MAP.decode(answer.body)
    except UNREADABLE:
        read_json(answer, dict[str, msgspec.Raw])  # raises the error that fits
        raise
    if "Status" in elements and "Message" in elements:
        _raise_envelope(answer)
    return _digested(iter(elements.items()))


def _digested(pairs: Iterator[tuple[str, msgspec.Raw]]) -> Iterator[RawElement]:
    sha256, element_of, view = hashlib.sha256, RawElement, memoryview  # looked up once, not 100,000 times
    for key, element in pairs:
        yield element_of(key, view(element), sha256(element).digest())


def _raise_envelope(answer: Answer) -> None:
    try:
        envelope = msgspec.json.decode(answer.body, type=Envelope)
    except UNREADABLE as problem:
        raise answer.error(errors.NotComet, "answered JSON that is not Comet's") from problem
    if envelope.is_error():
        fail_by_status(answer, envelope)
