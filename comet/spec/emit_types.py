"""Writes `comet/types/`: one flat Struct per structure."""

import re
from collections import defaultdict

from comet.spec.model import Field, Spec, Type
from comet.spec.names import snake_case
from comet.spec.subjects import TYPE_SUBJECTS, Subject, subject_of
from comet.spec.text import FIRST_LINE, LINE, docstring, exports, family_text, listed, method_name, since_text

_SCALARS = {
    "string": ("str", '""'),
    "int": ("int", "0"),
    "bool": ("bool", "False"),
    "float": ("float", "0.0"),
}
_FORMATS = {
    "unix-seconds": "Unix seconds",
    "rfc3339": "RFC 3339 text",
    "data-uri": "data: URI",
    "base64": "base64 text",
}


def python_type(wire_type: str) -> str:
    """The annotation of a wire type, without null: `map[string]list[X]` gives `dict[str, list[X]]`."""
    if wire_type in _SCALARS:
        return _SCALARS[wire_type][0]
    if wire_type in ("bytes", "any"):
        return {"bytes": "bytes", "any": "Any"}[wire_type]
    if match := re.fullmatch(r"list\[(.+)\]", wire_type):
        return f"list[{python_type(match[1])}]"
    if match := re.fullmatch(r"map\[(string|int)\](.+)", wire_type):
        return f"dict[{_SCALARS[match[1]][0]}, {python_type(match[2])}]"
    return wire_type


def structures_in(wire_type: str) -> list[str]:
    """The names of structures that a wire type mentions."""
    return re.findall(r"\b[A-Z]\w*", wire_type)


def flat_fields(structure: Type, types: dict[str, Type]) -> list[Field]:
    """The fields of a structure with those of its bases, in the order of the spec."""
    found: dict[str, Field] = {}

    def collect(current: Type) -> None:
        for base in current.extends:
            collect(types[base])
        found.update({field.name: field for field in current.fields})

    collect(structure)
    return [found[name] for name in structure.all_fields]


def emit(spec: Spec) -> dict[str, str]:
    """The text of each file, by its name in `comet/types/`."""
    types = {structure.name: structure for structure in spec.types}
    users = _users(spec, types)
    chosen: dict[str, list[Type]] = defaultdict(list)
    for structure in spec.types:
        chosen[subject_of(structure.name, TYPE_SUBJECTS).module].append(structure)
    files = {}
    for subject in TYPE_SUBJECTS:
        files[f"{subject.module}.py"] = _module(spec, subject, chosen[subject.module], types, users)
    files["events.py"] = _event_data(spec)
    files["sent.py"] = _sent(spec)
    files["__init__.py"] = _package(chosen)
    return files


def _module(
    spec: Spec, subject: Subject, structures: list[Type], types: dict[str, Type], users: dict[str, list[str]]
) -> str:
    ordered = _dependencies_first(structures, types)
    body = "".join(_structure(spec, structure, types, users) for structure in ordered)
    here = {structure.name for structure in structures}
    imports: dict[str, set[str]] = defaultdict(set)
    modules = [other.module for other in TYPE_SUBJECTS]
    for structure in structures:
        for field in flat_fields(structure, types):
            for name in structures_in(field.type):
                if name not in here:
                    module = subject_of(name, TYPE_SUBJECTS).module
                    if modules.index(module) > modules.index(subject.module):
                        raise LookupError(f"{structure.name} needs {name}, whose file {module} comes later")
                    imports[module].add(name)
    lines = [FIRST_LINE, f'"""{subject.about}"""\n\n', "from __future__ import annotations\n\n"]
    typing = [name for name in ("Any", "ClassVar") if re.search(rf"\b{name}\b", body)]
    if typing:
        lines.append(f"from typing import {', '.join(typing)}\n\n")
    if "field(" in body:
        lines.append("from msgspec import field\n\n")
    lines.append("from comet.structure import Structure\n")
    for module in sorted(imports):
        lines.append(f"from comet.types.{module} import {', '.join(sorted(imports[module]))}\n")
    return "".join(lines) + "\n\n" + body


def _structure(spec: Spec, structure: Type, types: dict[str, Type], users: dict[str, list[str]]) -> str:
    fields = flat_fields(structure, types)
    notes = []
    if structure.extends:
        notes.append(f"Holds the fields of {', '.join(structure.extends)}.")
    if since := since_text(structure.since, structure.first_seen):
        notes.append(f"{since.capitalize()}.")
    if structure.deprecated:
        notes.append("Deprecated.")
    summary, *more = users[structure.name] or ["not part of any method"]
    if more:
        notes.insert(0, _sentence("; ".join(more)))
    text = f"class {structure.name}(Structure, kw_only=True, gc=False, omit_defaults=True):\n"
    text += docstring(_sentence(summary), [" ".join(notes)] if notes else [], 4)
    text += "\n"
    if structure.extends:
        text += f"    EXTENDS: ClassVar[tuple[str, ...]] = {tuple(structure.extends)!r}\n"
    # What may hold anything may hold a secret too.
    secrets = [snake_case(field.name) for field in fields if field.secret or field.type == "any"]
    if secrets:
        text += f"    SECRETS: ClassVar[frozenset[str]] = frozenset({secrets!r})\n"
    if structure.extends or secrets:
        text += "\n"
    return text + "".join(_field(spec, field) for field in fields) + "\n\n"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _field(spec: Spec, field: Field) -> str:
    name = snake_case(field.name)
    annotation, default, factory = _annotation(field)
    renamed = f', name="{field.name}"' if name != field.name else ""
    if factory:
        value = f"field(default_factory={factory}{renamed})"
    elif renamed:
        value = f"field(default={default}{renamed})"
    else:
        value = default
    remarks = [
        _FORMATS.get(field.format or "", ""),
        family_text(spec, field.constants),
        since_text(field.since, field.first_seen),
        "deprecated" if field.deprecated else "",
    ]
    line = f"    {name}: {annotation} = {value}"
    comment = "; ".join(remark for remark in remarks if remark)
    if not comment:
        return f"{line}\n"
    if len(line) + 4 + len(comment) > LINE:
        return f"    # {comment}\n{line}\n"
    return f"{line}  # {comment}\n"


def _annotation(field: Field) -> tuple[str, str, str]:
    """Annotation, default, default factory (one of the two is empty)."""
    if field.type in _SCALARS:
        return (*_SCALARS[field.type], "")
    if field.type == "any":
        return "Any", "None", ""
    annotation = python_type(field.type)
    if re.fullmatch(r"[A-Z]\w*", field.type) and not field.omitempty:
        return annotation, "", annotation
    return f"{annotation} | None", "None", ""


def _dependencies_first(structures: list[Type], types: dict[str, Type]) -> list[Type]:
    """Structures in an order in which each default factory is already defined."""
    here = {structure.name: structure for structure in structures}
    done: dict[str, Type] = {}

    def visit(structure: Type, above: tuple[str, ...]) -> None:
        if structure.name in above:
            raise LookupError(f"{structure.name} holds itself by value")
        for field in flat_fields(structure, types):
            if _annotation(field)[2] and field.type in here:
                visit(here[field.type], (*above, structure.name))
        done.setdefault(structure.name, structure)

    for structure in structures:
        visit(structure, ())
    return list(done.values())


def _users(spec: Spec, types: dict[str, Type]) -> dict[str, list[str]]:
    """Where a structure appears: answered by, sent by, part of."""
    answered, sent, part = defaultdict(list), defaultdict(list), defaultdict(list)
    for method in spec.methods:
        for name in structures_in(method.returns.type):
            answered[name].append(method_name(method.name))
        for param in method.params:
            for name in structures_in(param.type):
                sent[name].append(method_name(method.name))
    for structure in types.values():
        for field in structure.fields:
            for name in structures_in(field.type):
                part[name].append(structure.name)
    extended = defaultdict(list)
    for structure in types.values():
        for base in structure.extends:
            extended[base].append(structure.name)
    result: dict[str, list[str]] = {}
    for name in types:
        texts = []
        for label, found in (
            ("answered by", answered),
            ("sent by", sent),
            ("part of", part),
            ("base of", extended),
        ):
            if found[name]:
                texts.append(f"{label} {listed(sorted(set(found[name])), 2)}")
        result[name] = texts
    return result


def _event_data(spec: Spec) -> str:
    """The table of what the Data of an event is; only where it is a structure."""
    known = {event.value: str(event.data["type"]) for event in spec.events.types if event.data["type"]}
    tables = {value: name for value, name in known.items() if structures_in(name)}
    lines = [FIRST_LINE, '"""What the Data of a live event holds, by the type of the event."""\n\n']
    lines.append("from comet.structure import Structure\n")
    for name in sorted(set(tables.values())):
        lines.append(f"from comet.types.{subject_of(name, TYPE_SUBJECTS).module} import {name}\n")
    lines.append("\nEVENT_DATA: dict[int, type[Structure]] = {\n")
    for value in sorted(tables):
        lines.append(f"    {value}: {tables[value]},\n")
    return "".join(lines) + "}\n"


def _sent(spec: Spec) -> str:
    """The set of structures that a method takes as parameter."""
    params = [param.type for method in spec.methods for param in method.params]
    names = sorted({name for wire_type in params for name in structures_in(wire_type)})
    lines = [FIRST_LINE, '"""The structures that some method takes."""\n\n']
    lines.append("from comet.structure import Structure\n")
    for name in names:
        lines.append(f"from comet.types.{subject_of(name, TYPE_SUBJECTS).module} import {name}\n")
    return "".join(lines) + f"\nSENT: frozenset[type[Structure]] = frozenset({{{', '.join(names)}}})\n"


def _package(chosen: dict[str, list[Type]]) -> str:
    names = {module: [structure.name for structure in structures] for module, structures in chosen.items()}
    head = f'{FIRST_LINE}"""Every structure of the Comet Server API under Comet\'s own name."""\n\n'
    return head + exports("comet.types", names)
