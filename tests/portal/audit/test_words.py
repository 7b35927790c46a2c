"""Every action that the code knows has its words."""

import ast
from collections.abc import Iterator
from pathlib import Path

from portal.audit.words import WORDS

PORTAL = Path(__file__).resolve().parents[3] / "portal"
TELLERS = {"record", "begin", "note", "note_refusal", "operation"}
"""Functions whose first argument names an action; Operations are audited by their kind."""


def named_in(argument: ast.expr, constants: dict[str, str]) -> Iterator[str]:
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        yield argument.value
    elif isinstance(argument, ast.Name) and argument.id in constants:
        yield constants[argument.id]
    elif isinstance(argument, ast.IfExp):
        yield from named_in(argument.body, constants)
        yield from named_in(argument.orelse, constants)


def _counts_alone(tree: ast.Module) -> bool:
    """Whether a module's `note_refusal` is that of `core.refusals`, which writes no entry."""
    imports = (node for node in tree.body if isinstance(node, ast.ImportFrom))
    return any(node.module == "portal.core.refusals" for node in imports)


def actions() -> Iterator[str]:
    for path in PORTAL.rglob("*.py"):
        tree = ast.parse(path.read_text())
        constants = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant)
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if isinstance(target, ast.Name) and isinstance(node.value.value, str)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args:
                name = (
                    node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                )
                if name in TELLERS and not (name == "note_refusal" and _counts_alone(tree)):
                    yield from named_in(node.args[0], constants)


def test_every_action_is_said_in_words():
    found = set(actions())

    assert {"sign_in", "server.link", "backup.run", "sign_in.failed", "audit.export"} <= found
    assert found - set(WORDS) == set()
