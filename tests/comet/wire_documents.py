"""Hypothesis strategies for what a Comet Server may answer, newer ones included."""

import base64
import re
from typing import Any

from hypothesis import strategies as st

from comet.spec.emit_types import flat_fields
from comet.spec.model import Field, load

TYPES = {structure.name: structure for structure in load().types}
_DEEPEST = 4  # structures inside structures

_unknown_names = st.sampled_from(["New", "newer-field", "Ünbekannt", "\u2028", 'quo"te', "X_1"])
_texts = st.text(max_size=6)
_integers = st.integers(-(2**63), 2**64 - 1)
_plain = st.none() | st.booleans() | _integers | st.floats(allow_nan=False, allow_infinity=False) | _texts
_unknown_values = st.recursive(
    _plain | st.integers(2**64, 2**80),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=5,
)
_SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "string": _texts,
    "int": _integers,
    "bool": st.booleans(),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "bytes": st.binary(max_size=5).map(lambda value: base64.b64encode(value).decode()),
    "any": _unknown_values,
}


@st.composite
def documents(draw: st.DrawFn, name: str, depth: int = 0) -> dict[str, Any]:
    """A JSON object of the structure `name`: some of its fields in any order, and fields nobody knows."""
    fields = flat_fields(TYPES[name], TYPES)
    chosen = draw(st.lists(st.sampled_from(fields), max_size=5, unique_by=lambda field: field.name))
    document = {field.name: draw(_field(field, depth)) for field in chosen}
    unknown = draw(st.dictionaries(_unknown_names, _unknown_values, max_size=2))
    merged = [*unknown.items(), *document.items()]
    return dict(draw(st.permutations(merged)))


def values(wire_type: str) -> st.SearchStrategy[Any]:
    """JSON values of a wire type, as `list[string]` or `map[string]UserProfileConfig`."""
    return _value(wire_type, 0)


def _field(field: Field, depth: int) -> st.SearchStrategy[Any]:
    values = _value(field.type, depth)
    may_be_null = field.type not in ("string", "int", "bool", "float") and (
        field.omitempty or not re.fullmatch(r"[A-Z]\w*", field.type)
    )
    return st.none() | values if may_be_null else values


def _value(wire_type: str, depth: int) -> st.SearchStrategy[Any]:
    if wire_type in _SCALARS:
        return _SCALARS[wire_type]
    if match := re.fullmatch(r"list\[(.+)\]", wire_type):
        inner = _value(match[1], depth + 1)
        return st.lists(inner, max_size=0 if depth > _DEEPEST else 2)
    if match := re.fullmatch(r"map\[(string|int)\](.+)", wire_type):
        keys = _texts if match[1] == "string" else st.integers(0, 99).map(str)
        return st.dictionaries(keys, _value(match[2], depth + 1), max_size=0 if depth > _DEEPEST else 2)
    return st.just({}) if depth > _DEEPEST else documents(wire_type, depth + 1)
