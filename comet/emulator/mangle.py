"""Answers as other servers give them: null for empty, keys in any order, without newer fields."""

import random
from dataclasses import dataclass
from typing import Any

from comet.emulator import shapes


@dataclass
class Mangling:
    """What is done to every JSON answer. `version` of None leaves all fields."""

    null_for_empty: bool = False
    shuffle_keys: bool = False
    version: tuple[int, ...] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    @property
    def is_on(self) -> bool:
        return self.null_for_empty or self.shuffle_keys or self.version is not None

    def apply(self, type_name: str, value: Any) -> Any:
        """`value` of that type of the description, as this server gives it."""
        if type_name.startswith("list["):
            if not value:
                return None if self.null_for_empty else value
            return [self.apply(type_name[5:-1], item) for item in value]
        if type_name.startswith("map["):
            if not value:
                return None if self.null_for_empty else value
            inner = type_name[4:].split("]", 1)[1]
            return self._ordered({key: self.apply(inner, item) for key, item in value.items()})
        if not isinstance(value, dict) or not shapes.is_structure(type_name):
            return value
        known = {field.name: field for field in shapes.fields(type_name)}
        kept = {}
        for name, item in value.items():
            field = known.get(name)
            if field is not None and self.version is not None and field.introduced > self.version:
                continue
            kept[name] = item if field is None else self.apply(field.type, item)
        return self._ordered(kept)

    def _ordered(self, value: dict[str, Any]) -> dict[str, Any]:
        if not self.shuffle_keys:
            return value
        keys = list(value)
        self._random.shuffle(keys)
        return {key: value[key] for key in keys}
