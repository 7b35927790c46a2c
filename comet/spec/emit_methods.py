"""Writes `comet/api/`: one class per subject, one method per endpoint."""

import re
from collections import defaultdict

from comet.spec.emit_types import python_type, structures_in
from comet.spec.model import Method, Param, Spec
from comet.spec.names import snake_case
from comet.spec.safe import is_safe
from comet.spec.subjects import METHOD_SUBJECTS, TYPE_SUBJECTS, Subject, subject_of
from comet.spec.text import FIRST_LINE, docstring, since_text

_UNIT = {  # what the spec's types do not say
    "Start": "Unix seconds",
    "End": "Unix seconds",
    "AfterTimestamp": "Unix seconds",
    "KnownByteCount": "bytes",
    "StoreRecoveryCode": "1 for yes",
    "RequirePasswordChange": "1 for yes",
    "Log": "a value of `admin_meta_list_available_log_days`",
    "Logs": "values of `admin_meta_list_available_log_days`",
    "TargetID": "a live connection from `admin_dispatcher_list_active`, looked up just before the call",
}
_CALLERS = {
    "admin": "Signed in as administrator.",
    "user": "Signed in as end user.",
    "optional-admin": "Signed in as administrator, or by anyone where the server allows open downloads.",
    "hybrid": "Signed in as administrator or end user.",
    "none": "Needs no credential.",
}


def emit(spec: Spec) -> dict[str, str]:
    """The text of each file, by its name in `comet/api/`."""
    chosen: dict[str, list[Method]] = defaultdict(list)
    for method in spec.methods:
        chosen[subject_of(method.name, METHOD_SUBJECTS).module].append(method)
    files = {f"{s.module}.py": _module(s, chosen[s.module]) for s in METHOD_SUBJECTS}
    files["__init__.py"] = _package()
    return files


def class_name(subject: Subject) -> str:
    """`user_dispatcher` gives `UserDispatcherMethods`."""
    return "".join(word.capitalize() for word in subject.module.split("_")) + "Methods"


def _module(subject: Subject, methods: list[Method]) -> str:
    body = "\n".join(_method(method) for method in methods)
    imports: dict[str, set[str]] = defaultdict(set)
    for method in methods:
        for wire_type in (method.returns.type, *(param.type for param in method.params)):
            for name in structures_in(wire_type):
                imports[subject_of(name, TYPE_SUBJECTS).module].add(name)
    lines = [FIRST_LINE, f'"""{subject.about}"""\n\n', "from __future__ import annotations\n\n"]
    lines.append("from comet.calls import Caller\n")
    for module in sorted(imports):
        lines.append(f"from comet.types.{module} import {', '.join(sorted(imports[module]))}\n")
    lines.append(f'\n\nclass {class_name(subject)}(Caller):\n    """{subject.about}"""\n\n')
    return "".join(lines) + body


def _method(method: Method) -> str:
    returns = _return_type(method)
    params = [_parameter(param) for param in sorted(method.params, key=lambda param: param.optional)]
    signature = f"self, *, {', '.join(params)}" if params else "self"
    text = f"    def {snake_case(method.name)}({signature}) -> {returns}:\n"
    text += docstring(f"{method.summary}.", _paragraphs(method), 8)
    return text + f"        return {_call(method)}\n"


def _return_type(method: Method) -> str:
    return {"binary": "bytes", "text": "str"}.get(method.returns.kind) or python_type(method.returns.type)


def _parameter(param: Param) -> str:
    annotation = python_type(param.type)
    return f"{snake_case(param.name)}: {annotation}" + (" | None = None" if param.optional else "")


def _paragraphs(method: Method) -> list[str]:
    who = _CALLERS[method.auth]
    if method.roles:
        who += f" Needs the {' and '.join(f'{role} Role' for role in method.roles)} on the server."
    if method.top_level_only:
        who += " Only for administrators of no organization."
    if since := since_text(method.since, method.first_seen):
        who += f" {since.capitalize()}."
    paragraphs = [who]
    units = []
    for param in method.params:
        remarks = [
            text for text in (_UNIT.get(param.name), since_text(param.since, param.first_seen)) if text
        ]
        if remarks:
            units.append(f"`{snake_case(param.name)}`: {', '.join(remarks)}.")
    if is_safe(method.name):
        paragraphs[0] += " Safe to repeat."
    if units:
        paragraphs.append(" ".join(units))
    if method.notes:
        paragraphs.append(" ".join(method.notes))
    paragraphs.append(f"Comet Server API: {method.name}, {method.http_method} {method.path}")
    if method.aliases:
        paragraphs.append("Older endpoints: " + ", ".join(alias.path for alias in method.aliases))
    return paragraphs


def _call(method: Method) -> str:
    arguments = [f'"{method.name}"', f'"{method.path}"']
    if method.returns.kind == "json":
        arguments.append(python_type(method.returns.type))
    values: dict[str, str] = {}
    files = [param for param in method.params if param.encoding == "file"]
    for param in method.params:
        if param.encoding == "file":
            continue
        value = snake_case(param.name)
        if param.sdk_default == "server_url":
            value = f"{value} or self.url"
        values[param.name] = value
    if values:
        arguments.append(_mapping(values))
    if method.http_method != "POST":
        arguments.append(f'http_method="{method.http_method}"')
    if method.auth == "none":
        arguments.append("signed_in=False")
    if is_safe(method.name):
        arguments.append("is_safe=True")
    caller = {"json": "_call_json", "text": "_call_text", "binary": "_call_bytes"}[method.returns.kind]
    if files:
        caller = "_upload"
        arguments.append(_mapping({param.name: snake_case(param.name) for param in files}))
    return f"self.{caller}({', '.join(arguments)})"


def _mapping(values: dict[str, str]) -> str:
    return "{" + ", ".join(f'"{name}": {value}' for name, value in values.items()) + "}"


def _package() -> str:
    classes = {class_name(subject): subject.module for subject in METHOD_SUBJECTS}
    lines = [FIRST_LINE, '"""Every method of the Comet Server API, as one class to build a client on."""\n\n']
    for name, module in sorted(classes.items(), key=lambda item: item[1]):
        lines.append(f"from comet.api.{module} import {name}\n")
    lines.append(f"\n\nclass Methods({', '.join(classes)}):\n")
    lines.append('    """All methods together."""\n')
    return re.sub(r"\n{4,}", "\n\n\n", "".join(lines))
