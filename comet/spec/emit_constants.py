"""Writes `comet/constants/`: one enum per family of constants."""

from collections import defaultdict

from comet.spec.model import Constant, Family, Spec
from comet.spec.names import family_class, member_name
from comet.spec.subjects import CONSTANT_SUBJECTS, Subject, subject_of
from comet.spec.text import FIRST_LINE, docstring, exports, listed

_BASES = {("enum", "int"): "IntEnum", ("enum", "string"): "StrEnum", ("bitset", "int"): "IntFlag"}


def emit(spec: Spec) -> dict[str, str]:
    """The text of each file, by its name in `comet/constants/`."""
    chosen: dict[str, list[Family]] = defaultdict(list)
    for family in spec.constant_families:
        if family.published:
            chosen[subject_of(family.prefix, CONSTANT_SUBJECTS).module].append(family)
    files = {f"{s.module}.py": _module(spec, s, chosen[s.module]) for s in CONSTANT_SUBJECTS}
    plain = [constant for constant in spec.constants if constant.family is None or constant.marker]
    lines = [FIRST_LINE, '"""Single values, and the bounds of ranges."""\n\n', "from typing import Final\n\n"]
    lines.extend(f"{constant.name}: Final = {_literal(constant.value)}\n" for constant in plain)
    files["values.py"] = "".join(lines)
    names = {
        module: [family_class(family.prefix) for family in families] for module, families in chosen.items()
    }
    names["values"] = [constant.name for constant in plain]
    files["__init__.py"] = (
        f'{FIRST_LINE}"""The constants of the Comet Server API.\n\n'
        "Structures hold plain numbers and texts: a value that is not listed here stays what it is, and a\n"
        'listed one equals its member.\n"""\n\n' + exports("comet.constants", names)
    )
    return files


def _module(spec: Spec, subject: Subject, families: list[Family]) -> str:
    bases = sorted({_base(family) for family in families})
    lines = [FIRST_LINE, f'"""{subject.about}"""\n\n', f"from enum import {', '.join(bases)}\n"]
    for family in families:
        members = [
            constant
            for constant in spec.constants
            if constant.family == family.prefix and not constant.marker
        ]
        lines.append(f"\n\n{_family(family, members)}")
    return "".join(lines)


def _base(family: Family) -> str:
    return _BASES[family.kind, family.type or ""]


def _literal(value: int | str) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _family(family: Family, members: list[Constant]) -> str:
    """One enum. Current names come before old ones and aliases, so that they give a value its name."""
    used = f", the values of {listed(sorted(family.used_by), 2)}" if family.used_by else ""
    text = f"class {family_class(family.prefix)}({_base(family)}):\n"
    text += docstring(f"`{family.prefix}`{used}.", [], 4) + "\n"
    ordered = sorted(members, key=lambda constant: (constant.alias_of is not None, constant.deprecated))
    numbers = all(isinstance(constant.value, int) for constant in ordered)
    if numbers:
        ordered.sort(key=lambda constant: int(constant.value))
    for constant in ordered:
        text += f"    {member_name(constant.name, family.prefix)} = {_literal(constant.value)}"
        text += "  # deprecated\n" if constant.deprecated else "\n"
    return text
