"""The parameters of a call, read and checked as the API description says."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from comet.emulator import shapes
from comet.emulator.errors import bad_request
from comet.emulator.shapes import Method, Parameter

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,19}")


def read(method: Method, given: Mapping[str, str]) -> dict[str, Any]:
    """Decoded values by name. Optional ones that are absent or empty are left out; unknown ones are ignored.

    Raises Refusal for what is missing or malformed.
    """
    values: dict[str, Any] = {}
    for parameter in method.parameters:
        raw = given.get(parameter.name)
        if parameter.encoding == "file" or (not raw and parameter.optional):
            continue
        if raw is None:
            raise bad_request(f"Missing parameter {parameter.name}")
        values[parameter.name] = _decode(parameter, raw)
    return values


def _decode(parameter: Parameter, raw: str) -> Any:
    if parameter.encoding == "int":
        if not _WHOLE_NUMBER.fullmatch(raw):
            raise bad_request(f"Parameter {parameter.name} is not a whole number")
        return int(raw)
    if parameter.encoding != "json":
        return raw
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise bad_request(f"Parameter {parameter.name} is not valid JSON") from None
    if parameter.type == "bool" and type(value) is int and value in (0, 1):
        return bool(value)  # most SDKs send booleans as 1 and 0
    try:
        return shapes.conform(parameter.type, value)
    except shapes.Mismatch as mismatch:
        raise bad_request(f"Parameter {parameter.name}: {mismatch}") from None
