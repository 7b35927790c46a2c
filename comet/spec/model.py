"""The spec file as Python objects: only what the generator and `client.call` need."""

import functools
from importlib import resources
from typing import Any

import msgspec


class Param(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter of a method. `encoding` is string, int, json or file."""

    name: str
    type: str
    encoding: str
    optional: bool
    secret: bool = False
    since: str | None = None
    first_seen: str | None = None
    sdk_default: str | None = None
    constants: str | None = None


class Returns(msgspec.Struct, frozen=True, kw_only=True):
    """What a method answers. `kind` is json, text or binary."""

    type: str
    kind: str


class Alias(msgspec.Struct, frozen=True, kw_only=True):
    """An older endpoint that does the same."""

    name: str
    path: str


class Method(msgspec.Struct, frozen=True, kw_only=True):
    """One method. `auth` is admin, user, optional-admin, hybrid or none."""

    name: str
    path: str
    http_method: str
    auth: str
    summary: str
    params: tuple[Param, ...]
    returns: Returns
    notes: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    aliases: tuple[Alias, ...] = ()
    since: str | None = None
    first_seen: str | None = None
    deprecated: bool = False
    destructive: bool = False
    top_level_only: bool = False


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a structure."""

    name: str
    type: str
    omitempty: bool = False
    secret: bool = False
    deprecated: bool = False
    constants: str | None = None
    format: str | None = None
    since: str | None = None
    first_seen: str | None = None


class Type(msgspec.Struct, frozen=True, kw_only=True):
    """One structure; `fields` are its own, `all_fields` the names with those of its bases."""

    name: str
    extends: tuple[str, ...]
    fields: tuple[Field, ...]
    all_fields: tuple[str, ...]
    deprecated: bool = False
    since: str | None = None
    first_seen: str | None = None


class Constant(msgspec.Struct, frozen=True, kw_only=True):
    """One constant. A `marker` is the bound of a range, not a value."""

    name: str
    value: int | str
    type: str
    family: str | None = None
    marker: bool = False
    deprecated: bool = False
    alias_of: str | None = None
    since: str | None = None
    first_seen: str | None = None


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """A group of constants with one prefix. `kind` is enum or bitset."""

    prefix: str
    kind: str
    published: bool
    type: str | None = None
    used_by: tuple[str, ...] = ()


class EventType(msgspec.Struct, frozen=True, kw_only=True):
    """One type of live event, and what its Data holds."""

    name: str
    value: int
    meaning: str
    data: dict[str, Any]


class Events(msgspec.Struct, frozen=True, kw_only=True):
    """The live events."""

    types: tuple[EventType, ...]


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """All of the described API."""

    methods: tuple[Method, ...]
    types: tuple[Type, ...]
    constants: tuple[Constant, ...]
    constant_families: tuple[Family, ...]
    events: Events


@functools.cache
def load() -> Spec:
    """The described API, read once per process from `comet-api.json`."""
    data = resources.files(__package__).joinpath("comet-api.json").read_bytes()
    return msgspec.json.decode(data, type=Spec)


@functools.cache
def methods_by_name() -> dict[str, Method]:
    """Every method under Comet's own name."""
    return {method.name: method for method in load().methods}
