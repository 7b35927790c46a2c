"""Where the portal opens connections: each place is known here, with who typed the address."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.test_conventions import ROOT, python_files

NETWORK = (
    "aiohttp",
    "asyncio.open_connection",
    "ftplib",
    "http.client",
    "httpx",
    "requests",
    "smtplib",
    "socket",
    "ssl",
    "telnetlib",
    "urllib.request",
    "urllib3",
    "websocket",
    "websockets",
    "xmlrpc",
)
"""Modules that can connect to something."""

WITH_REASON = {
    "portal/accounts/mail.py": "errors only; Django connects, to the operator's mail server",
    "portal/accounts/views_security.py": "errors only; the provider is the operator's OIDC_ISSUER",
    "portal/alerts/posting.py": "errors only; connects by a guarded pool, see GUARDED",
    "portal/core/heartbeats.py": "this machine's own name",
    "portal/demo/ports.py": "looks whether ports of this machine are free",
    "portal/live/server_stream.py": "errors only; `opening.py` opens streams, with a guarded client",
    "portal/live/sockets.py": "the form of frames to browsers; connects nowhere",
}

DOORS = {"CometClient", "EventStream", "AccountClient", "guarded_session", "pool_manager", "Transport"}
"""What connects for the portal in `comet/`, to addresses people typed."""

GUARDED = {
    ("portal/alerts/posting.py", "pool_manager"),
    ("portal/servers/clients.py", "CometClient"),
    ("portal/live/server_stream.py", "EventStream"),
    ("portal/live/webhook_kinds.py", "guarded_session"),
}


def modules_of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def doors_in(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in DOORS:
                yield called, node


def trees() -> Iterator[tuple[str, ast.AST]]:
    for path in python_files("portal"):
        yield str(path.relative_to(ROOT)), ast.parse(Path(path).read_text())


def connects(module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in NETWORK)


def test_each_file_that_could_connect_to_something_says_to_what():
    """A new one is guarded, or its address is the operator's: then add it, with the reason."""
    found = {name for name, tree in trees() if any(connects(module) for module in modules_of(tree))}
    assert found == set(WITH_REASON)


def test_each_client_of_a_typed_address_is_made_with_the_guard():
    found = {(name, door) for name, tree in trees() for door, _ in doors_in(tree)}
    assert found == GUARDED
    for name, tree in trees():
        for door, call in doors_in(tree):
            given = [ast.unparse(word) for word in [*call.args, *(one.value for one in call.keywords)]]
            assert any("guard" in word for word in given), f"{name}: {door} without a guard"
