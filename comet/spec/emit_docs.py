"""Writes `docs/comet-methods.md`: every method in one table."""

from collections import defaultdict

from comet.spec.model import Method, Spec
from comet.spec.names import snake_case
from comet.spec.safe import is_safe
from comet.spec.subjects import METHOD_SUBJECTS, subject_of

_CALLERS = {
    "admin": "administrator",
    "user": "end user",
    "optional-admin": "administrator or open downloads",
    "hybrid": "administrator or end user",
    "none": "anyone",
}


def emit(spec: Spec) -> str:
    """The text of the page."""
    chosen: dict[str, list[Method]] = defaultdict(list)
    for method in spec.methods:
        chosen[subject_of(method.name, METHOD_SUBJECTS).module].append(method)
    lines = [
        "# Methods of the Comet Server API",
        "",
        "Written by `python -m comet.spec.generate` from `comet/spec/comet-api.json`; change it there.",
        "",
        f"All {len(spec.methods)} are methods of `comet.CometClient`. *Role* is the server role that must be",
        "switched on. *Since* is the documented version; with `<=`, the first one whose SDK had it. *Repeat*",
        "says that the client sends the call once more when the connection breaks.",
    ]
    for subject in METHOD_SUBJECTS:
        lines += [
            "",
            f"## {subject.about.removesuffix('.')}",
            "",
            "| Method | Path | Caller | Role | Since | Repeat |",
            "|---|---|---|---|---|---|",
        ]
        lines += [_row(method) for method in chosen[subject.module]]
    return "\n".join(lines) + "\n"


def _row(method: Method) -> str:
    paths = [f"`{path}`" for path in (method.path, *(alias.path for alias in method.aliases))]
    caller = _CALLERS[method.auth] + (", of no organization" if method.top_level_only else "")
    cells = [
        f"`{snake_case(method.name)}`",
        paths[0] + (f", older {', '.join(paths[1:])}" if paths[1:] else ""),
        caller,
        ", ".join(method.roles),
        _since(method),
        "yes" if is_safe(method.name) else "",
    ]
    return f"| {' | '.join(cells)} |"


def _since(method: Method) -> str:
    if method.since and method.since[0].isdigit():
        return method.since
    return f"<= {method.first_seen}" if method.first_seen else ""
