"""Whether a JSON value has the shape the API description gives it. Shares no code with the emulator."""

import json
import re
from functools import cache
from importlib import resources
from typing import Any

SCALARS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "int": (int,),
    "bool": (bool,),
    "float": (int, float),
    "bytes": (str,),
}


@cache
def description() -> dict[str, Any]:
    return json.loads(resources.files("comet.spec").joinpath("comet-api.json").read_text())


@cache
def all_fields(type_name: str) -> dict[str, tuple[str, bool]]:
    """Field name -> (type, omitempty), of a structure and all it extends."""
    entry = next(t for t in description()["types"] if t["name"] == type_name)
    fields: dict[str, tuple[str, bool]] = {}
    for base in entry["extends"]:
        fields |= all_fields(base)
    return fields | {f["name"]: (f["type"], f["omitempty"]) for f in entry["fields"]}


@cache
def widths(type_name: str) -> dict[str, tuple[int, int]]:
    """Field name -> smallest and largest number that a typed client can hold, of a structure's own fields."""
    entry = next(t for t in description()["types"] if t["name"] == type_name)
    found: dict[str, tuple[int, int]] = {}
    for base in entry["extends"]:
        found |= widths(base)
    for field in entry["fields"]:
        if field["int_type"]:
            signed = not field["int_type"].startswith("u")
            bits = int(field["int_type"].lstrip("uint") or 64)
            found[field["name"]] = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return found


def faults(type_name: str, value: Any, at: str = "$") -> list[str]:
    """Everything that is missing, superfluous or of the wrong type."""
    if type_name == "any":
        return []
    if type_name in SCALARS:
        fits = isinstance(value, SCALARS[type_name]) and isinstance(value, bool) == (type_name == "bool")
        return [] if fits else [f"{at}: {value!r} is not {type_name}"]
    if collection := re.match(r"(list|map)\[(.*)$", type_name):
        kind, rest = collection.groups()
        return _collection_faults(kind, rest, value, at)
    if not isinstance(value, dict):
        return [f"{at}: {value!r} is not an object"]
    fields = all_fields(type_name)
    found = [f"{at}.{name} is not in {type_name}" for name in value.keys() - fields.keys()]
    for name, (low, high) in widths(type_name).items():
        if isinstance(value.get(name), int) and not low <= value[name] <= high:
            found.append(f"{at}.{name}: {value[name]} does not fit")
    for name, (field_type, omitempty) in fields.items():
        if name in value:
            found += faults(field_type, value[name], f"{at}.{name}")
        elif not omitempty:
            found.append(f"{at}.{name} is missing")
    return found


def _collection_faults(kind: str, rest: str, value: Any, at: str) -> list[str]:
    if kind == "list":
        if not isinstance(value, list):
            return [f"{at}: not a list"]
        return [fault for i, item in enumerate(value) for fault in faults(rest[:-1], item, f"{at}[{i}]")]
    inner = rest.partition("]")[2]
    if not isinstance(value, dict):
        return [f"{at}: not a map"]
    return [fault for key, item in value.items() for fault in faults(inner, item, f"{at}.{key}")]
