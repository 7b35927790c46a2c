"""Reads structures so that they can be written back without loss, and writes them so.

Reading is what `msgspec` does, at its speed. Beside the structure the bytes it was read from are kept,
and each structure remembers its place in them. Writing takes those bytes and replaces only what was
changed: fields this package does not know, numbers of any size, null, [] and {}, the order of fields,
all come out as they came in, at every depth. A structure that is moved, copied or sent by itself takes
its unknown fields along. What is assigned anew replaces what was there.

    profile = lossless.decode(body, UserProfileConfig)
    profile.account_name = "Acme"
    lossless.encode(profile)
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, TypeVar, cast, get_args

import msgspec

from comet.structure import Structure

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")

_split_map = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_split_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_encode = msgspec.json.encode
_MISSING = object()


class Origin:
    """A place in the bytes of an answer: the whole of it, or a member of another place."""

    __slots__ = ("_members", "_parent", "_raw", "_step")

    def __init__(self, parent: Origin | None, step: object, raw: msgspec.Raw | None = None) -> None:
        self._parent = parent
        self._step = step
        self._raw = raw
        self._members: dict[str, msgspec.Raw] | None = None

    def raw(self) -> msgspec.Raw | None:
        """The bytes here; None when the server left this field out."""
        if self._raw is None and self._parent is not None:
            self._raw = self._parent._member(self._step)
        return self._raw

    def members(self) -> dict[str, msgspec.Raw]:
        """The parts of the map or list here, by key or position."""
        if self._members is None:
            raw = self.raw()
            self._members = {} if raw is None else _split(raw)
        return self._members

    def _member(self, step: object) -> msgspec.Raw | None:
        return self.members().get(_key(step))


class ReadMap(dict[K, V]):
    """A map of structures as read; each learns where it came from when it is first taken out.

    So reading a long map costs what decoding costs, and only what is looked at costs more. Everything
    else is as in `dict`.
    """

    __slots__ = ("_origin", "_untouched")

    def __init__(self, values: dict[K, V], body: msgspec.Raw) -> None:
        super().__init__(values)
        self._origin = Origin(None, None, body)
        self._untouched = values  # what was read and not yet taken out

    def _touched(self, key: Any, value: Any) -> Any:
        if self._untouched and self._untouched.get(key, _MISSING) is value:
            _trace(value, Origin(self._origin, key))
            self._untouched.pop(key, None)  # another thread may have been here
        return value

    def _touch_all(self) -> None:
        if self._untouched:
            for key, value in super().items():
                self._touched(key, value)
            self._untouched = {}

    def __getitem__(self, key: K) -> V:
        value: V = self._touched(key, super().__getitem__(key))
        return value

    def get(self, key: Any, default: Any = None) -> Any:
        return self._touched(key, super().get(key, default))

    def setdefault(self, key: Any, default: Any = None) -> Any:
        return self._touched(key, super().setdefault(key, default))

    def pop(self, key: Any, *default: Any) -> Any:
        return self._touched(key, super().pop(key, *default))

    def popitem(self) -> tuple[K, V]:
        key, value = super().popitem()
        return key, self._touched(key, value)

    def __iter__(self) -> Iterator[K]:  # its own, so that dict(...) and ** ask __getitem__
        return super().__iter__()

    def values(self) -> Any:
        self._touch_all()
        return super().values()

    def items(self) -> Any:
        self._touch_all()
        return super().items()

    def copy(self) -> dict[K, V]:
        self._touch_all()
        return super().copy()

    def __or__(self, other: Any) -> Any:
        self._touch_all()
        return super().__or__(other)

    def __ror__(self, other: Any) -> Any:
        self._touch_all()
        return super().__ror__(other)

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (self.copy(),)


def decode(body: bytes | bytearray | memoryview, kind: type[T]) -> T:
    """`body` as `kind`, with all it holds remembering its place.

    Raises:
        msgspec.DecodeError: not JSON, or of another shape.
    """
    return traced(decoder(kind).decode(body), body)


def traced(value: T, body: bytes | bytearray | memoryview) -> T:
    """What was decoded from `body`, remembering its place in it; a map of structures as a `ReadMap`."""
    raw = msgspec.Raw(body)
    if isinstance(value, dict) and isinstance(next(iter(value.values()), None), Structure):
        return cast(T, ReadMap(value, raw))
    _trace(value, Origin(None, None, raw))
    return value


def encode(value: object) -> bytes:
    """JSON: what was read and not changed as it came, what is new as the API wants it."""
    return bytes(_written(value, _MISSING, None))


def _trace(value: object, origin: Origin) -> None:
    """Tells the structures in `value`, at every depth, where they were read."""
    waiting: list[tuple[object, Origin]] = [(value, origin)]
    while waiting:  # not by recursion: an answer may be nested deeper than Python recurses
        value, origin = waiting.pop()
        if isinstance(value, Structure):
            value._origin = origin
            for name, wire_name in _holders(type(value)):
                child = getattr(value, name)
                if child:
                    waiting.append((child, Origin(origin, wire_name)))
        elif isinstance(value, dict):
            waiting.extend((child, Origin(origin, key)) for key, child in value.items())
        elif isinstance(value, list):
            waiting.extend((child, Origin(origin, position)) for position, child in enumerate(value))


_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


def decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    """The decoder of a type; each is built once, since that costs more than most answers."""
    found = _decoders.get(kind)
    if found is None:
        found = _decoders[kind] = msgspec.json.Decoder(kind)
    return found


def structures_in(kind: Any) -> set[type[Structure]]:
    """The structures a type mentions: `dict[str, list[X]] | None` gives X."""
    if isinstance(kind, type) and issubclass(kind, Structure):
        return {kind}
    return {found for part in get_args(kind) for found in structures_in(part)}


@functools.cache
def _holders(kind: type[Structure]) -> tuple[tuple[str, str], ...]:
    """The fields that hold structures: Python's name and the wire's."""
    return tuple(
        (field.name, field.encode_name) for field in msgspec.structs.fields(kind) if structures_in(field.type)
    )


def _written(value: object, was: object, raw: msgspec.Raw | None) -> msgspec.Raw:
    """`value` as JSON. `was` and `raw` are what stood in its place when it was read, if anything did."""
    if isinstance(value, Structure):
        return _written_structure(value)
    if isinstance(value, dict):
        return _written_map(value, was, raw)
    if isinstance(value, list | tuple):
        return _written_list(value, was, raw)
    if raw is not None and type(value) is type(was) and value == was:
        return raw
    return msgspec.Raw(_encode(value))


def _written_structure(value: Structure) -> msgspec.Raw:
    origin: Origin | None = getattr(value, "_origin", None)
    raw = None if origin is None else origin.raw()
    if origin is None or raw is None:
        return _written_new(value)
    was = decoder(type(value)).decode(raw)
    parts = dict(origin.members())
    is_changed = False
    for name, wire_name in zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True):
        now, before, part = getattr(value, name), getattr(was, name), parts.get(wire_name)
        written = _written(now, before, part)
        if part is None and _says_nothing(now, before, written):
            continue
        if not _are_equal(written, part):
            parts[wire_name] = written
            is_changed = True
    return msgspec.Raw(_encode(parts)) if is_changed else raw


def _written_new(value: Structure) -> msgspec.Raw:
    """A structure that was made and not read: what is zero is left out."""
    zero = _zero(type(value))
    parts: dict[str, msgspec.Raw] = {}
    for name, wire_name in zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True):
        now = getattr(value, name)
        written = _written(now, _MISSING, None)
        if not _says_nothing(now, getattr(zero, name), written):
            parts[wire_name] = written
    return msgspec.Raw(_encode(parts))


def _written_map(value: dict[Any, Any], was: object, raw: msgspec.Raw | None) -> msgspec.Raw:
    if not isinstance(was, dict):
        was, raw = {}, None
    old = {} if raw is None else _split(raw)
    new = {
        _key(key): _written(part, was.get(key, _MISSING), old.get(_key(key))) for key, part in value.items()
    }
    if raw is not None and list(new) == list(old) and all(map(_are_equal, new.values(), old.values())):
        return raw
    return msgspec.Raw(_encode(new))


def _written_list(value: list[Any] | tuple[Any, ...], was: object, raw: msgspec.Raw | None) -> msgspec.Raw:
    if not isinstance(was, list):
        was, raw = [], None
    old = [] if raw is None else list(_split(raw).values())
    before = zip(was, old, strict=False) if len(was) == len(old) else iter(())
    new = [_written(part, *next(before, (_MISSING, None))) for part in value]
    if raw is not None and len(new) == len(old) and all(map(_are_equal, new, old)):
        return raw
    return msgspec.Raw(_encode(new))


def _split(raw: msgspec.Raw) -> dict[str, msgspec.Raw]:
    """The parts of a map by key or of a list by position; of anything else none."""
    first = bytes(memoryview(raw)[:1])
    if first == b"{":
        return _split_map(raw)
    if first == b"[":
        return {str(position): part for position, part in enumerate(_split_list(raw))}
    return {}


def _key(step: object) -> str:
    """A map's key or a list's position as JSON spells it."""
    return str(int(step)) if isinstance(step, int) else str(step)


def _are_equal(written: msgspec.Raw, before: msgspec.Raw | None) -> bool:
    return written is before or (before is not None and memoryview(written) == memoryview(before))


def _says_nothing(now: object, zero: object, written: msgspec.Raw) -> bool:
    """Whether a field may be left out: a missing one reads as `zero`."""
    if isinstance(now, Structure):
        return isinstance(zero, Structure) and bytes(written) == b"{}"
    return type(now) is type(zero) and now == zero


@functools.cache
def _zero(kind: type[Structure]) -> Structure:
    return kind()
