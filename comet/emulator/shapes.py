"""The shape of every structure on the wire, read from comet/spec/comet-api.json.

`zero` makes an empty structure with all its mandatory fields, `conform` checks one that a caller sent.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import msgspec

Wire = dict[str, Any]
_SORTED = msgspec.json.Encoder(order="sorted")
_SCALARS: dict[str, Any] = {"string": "", "int": 0, "bool": False, "float": 0.0, "bytes": "", "any": None}


class Mismatch(ValueError):
    """A JSON document does not fit its structure; the text names the field."""


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    type: str
    omitempty: bool
    introduced: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a method. `encoding` is string, int, json or file."""

    name: str
    type: str
    encoding: str
    optional: bool


@dataclass(frozen=True, slots=True)
class Method:
    """One API method: how it is reached, who may call it, what it takes and gives.

    `returns` is a type, or empty for what is not JSON; `introduced` is the version since which it is known.
    """

    name: str
    path: str
    aliases: tuple[str, ...]
    auth: str
    http_method: str
    top_level_only: bool
    roles: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    returns: str
    introduced: tuple[int, ...]


def version_tuple(text: str) -> tuple[int, ...]:
    """The numbers of a version such as 25.9.8; parts that are no numbers are left out."""
    return tuple(int(part) for part in text.split(".") if part.isdigit())


@cache
def _spec() -> Wire:
    raw = resources.files("comet.spec").joinpath("comet-api.json").read_bytes()
    wanted: Wire = msgspec.json.decode(raw)
    return wanted


@cache
def _types() -> dict[str, Wire]:
    return {entry["name"]: entry for entry in _spec()["types"]}


@cache
def methods() -> dict[str, Method]:
    """Every method of the API by name."""
    return {
        entry["name"]: Method(
            name=entry["name"],
            path=entry["path"],
            aliases=tuple(alias["path"] for alias in entry["aliases"]),
            auth=entry["auth"],
            http_method=entry["http_method"],
            top_level_only=entry["top_level_only"],
            roles=tuple(entry["roles"]),
            parameters=tuple(
                Parameter(p["name"], p["type"], p["encoding"], p["optional"]) for p in entry["params"]
            ),
            returns=entry["returns"]["type"] if entry["returns"]["kind"] == "json" else "",
            introduced=version_tuple(entry["since"] or entry["first_seen"] or ""),
        )
        for entry in _spec()["methods"]
    }


def known_version() -> str:
    """The newest server version the description knows of."""
    return str(next(c["value"] for c in _spec()["constants"] if c["name"] == "APPLICATION_VERSION"))


@cache
def event_names() -> dict[int, str]:
    """SEVT_ number -> name, without the markers of the range."""
    return {entry["value"]: entry["name"] for entry in _spec()["events"]["types"]}


@cache
def event_data() -> dict[int, str]:
    """SEVT_ number -> type of its Data, of the events whose Data is a structure."""
    told = {entry["value"]: entry["data"]["type"] for entry in _spec()["events"]["types"]}
    return {value: name for value, name in told.items() if name is not None and is_structure(name)}


@cache
def fields(type_name: str) -> tuple[Field, ...]:
    """All fields of a structure, inherited ones included, in their declared order."""
    entry = _types()[type_name]
    inherited = [field for base in entry["extends"] for field in fields(base)]
    own = [
        Field(f["name"], f["type"], f["omitempty"], version_tuple(f["since"] or f["first_seen"] or ""))
        for f in entry["fields"]
    ]
    return tuple({field.name: field for field in [*inherited, *own]}.values())


def is_structure(type_name: str) -> bool:
    return type_name in _types()


def zero(type_name: str) -> Any:
    """A fresh zero value: every field that is not omitempty, recursively."""
    return msgspec.json.decode(_zero_document(type_name))


@cache
def _zero_document(type_name: str) -> bytes:
    return msgspec.json.encode(_zero(type_name))


def _zero(type_name: str) -> Any:
    if type_name in _SCALARS:
        return _SCALARS[type_name]
    if type_name.startswith("list["):
        return []
    if type_name.startswith("map["):
        return {}
    return {field.name: _zero(field.type) for field in fields(type_name) if not field.omitempty}


def content_hash(value: Any) -> str:
    """A hash that is the same for the same content, whatever the order of its keys."""
    return hashlib.sha256(_SORTED.encode(value)).hexdigest()


def conform(type_name: str, value: Any, at: str = "") -> Any:
    """`value` as a server would hold it: checked, null read as empty, missing fields at zero.

    Fields the structure does not know are kept as they are. Raises Mismatch.
    """
    if value is None:
        return zero(type_name)
    if type_name in _SCALARS:
        return _conform_scalar(type_name, value, at)
    if type_name.startswith("list["):
        if not isinstance(value, list):
            raise Mismatch(f"{at or 'document'}: expected a list")
        inner = type_name[5:-1]
        return [conform(inner, item, f"{at}[{i}]") for i, item in enumerate(value)]
    if not isinstance(value, dict):
        raise Mismatch(f"{at or 'document'}: expected an object")
    if type_name.startswith("map["):
        key_type, inner = type_name[4:].split("]", 1)
        if key_type == "int" and not all(re.fullmatch(r"-?\d+", key) for key in value):
            raise Mismatch(f"{at or 'document'}: expected whole numbers as keys")
        return {key: conform(inner, item, f"{at}.{key}") for key, item in value.items()}
    whole = dict(value)
    for field in fields(type_name):
        if field.name in whole:
            whole[field.name] = conform(field.type, whole[field.name], f"{at}.{field.name}".lstrip("."))
        elif not field.omitempty:
            whole[field.name] = zero(field.type)
    return whole


def _conform_scalar(type_name: str, value: Any, at: str) -> Any:
    fits = {
        "string": isinstance(value, str),
        "int": isinstance(value, int) and not isinstance(value, bool),
        "bool": isinstance(value, bool),
        "float": isinstance(value, (int, float)) and not isinstance(value, bool),
        "bytes": isinstance(value, str),
        "any": True,
    }[type_name]
    if not fits:
        raise Mismatch(f"{at or 'document'}: expected {type_name}")
    if type_name == "bytes":
        try:
            base64.b64decode(value, validate=True)
        except binascii.Error:
            raise Mismatch(f"{at or 'document'}: expected base64") from None
    return value
