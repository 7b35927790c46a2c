"""Custom job searches: a tree of clauses over the fields of a job."""

import re
from collections.abc import Callable
from typing import Any

from comet.emulator.errors import bad_request

Wire = dict[str, Any]
_PREFIX = "BackupJobDetail."
_TEXT: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda field, value: value in field,
    "startswith": lambda field, value: field.startswith(value),
    "endswith": lambda field, value: field.endswith(value),
    "eq": lambda field, value: field == value,
}
_NUMBER: dict[str, Callable[[int, int], bool]] = {
    "eq": lambda field, value: field == value,
    "neq": lambda field, value: field != value,
    "gt": lambda field, value: field > value,
    "gte": lambda field, value: field >= value,
    "lt": lambda field, value: field < value,
    "lte": lambda field, value: field <= value,
}


def matches(clause: Wire, job: Wire) -> bool:
    """Whether a BackupJobDetail satisfies a SearchClause. Raises Refusal for a clause that makes no sense."""
    kind = clause["ClauseType"]
    if kind == "":
        return _rule(clause, job)
    results = [matches(child, job) for child in clause.get("ClauseChildren", [])]
    if kind in ("and", "not_and"):
        return all(results) is (kind == "and")
    if kind in ("or", "not_or"):
        return any(results) is (kind == "or")
    raise bad_request(f"Unknown clause type {kind!r}")


def require_prefix(clause: Wire) -> None:
    """Raises Refusal for a clause that names a field without `BackupJobDetail.`."""
    for child in clause.get("ClauseChildren", []):
        require_prefix(child)
    if clause["ClauseType"] == "" and not clause["RuleField"].startswith(_PREFIX):
        raise bad_request(f"Unknown field {clause['RuleField']!r}")


def _rule(clause: Wire, job: Wire) -> bool:
    name, value = clause["RuleField"], clause["RuleValue"]
    family, _, operator = clause["RuleOperator"].partition("_")
    field = job.get(name.removeprefix(_PREFIX), "" if family == "str" else 0)
    if isinstance(field, dict):
        raise bad_request(f"Field {name} can't be searched")
    if family == "str":
        return _text_rule(operator, str(field), value)
    if family == "int":
        return _number_rule(operator, field, value)
    if family == "bool" and operator in ("is", "nis"):
        return (bool(field) is (value.lower() in ("1", "true"))) is (operator == "is")
    raise bad_request(f"Unknown operator {clause['RuleOperator']!r}")


def _text_rule(operator: str, field: str, value: str) -> bool:
    if operator in ("regexmatch", "nregexmatch"):
        try:
            return bool(re.search(value, field)) is (operator == "regexmatch")
        except re.error:
            raise bad_request("The regular expression is not valid") from None
    plain = operator.removesuffix("_ci")
    if plain != operator:
        field, value = field.lower(), value.lower()
    if plain in _TEXT:
        return _TEXT[plain](field, value)
    if plain.startswith("n") and plain[1:] in _TEXT:
        return not _TEXT[plain[1:]](field, value)
    raise bad_request(f"Unknown operator str_{operator}")


def _number_rule(operator: str, field: Any, value: str) -> bool:
    try:
        return _NUMBER[operator](int(field), int(value))
    except KeyError:
        raise bad_request(f"Unknown operator int_{operator}") from None
    except ValueError:
        raise bad_request("The value of an int rule must be a whole number") from None
