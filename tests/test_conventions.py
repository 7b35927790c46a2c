"""What the whole tree keeps to: which room may import which, and what every view states."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

ROOT = Path(__file__).resolve().parent.parent
ROOMS = [
    "core",
    "audit",
    "operations",
    "tenants",
    "accounts",
    "servers",
    "fleet",
    "jobs",
    "live",
    "overview",
    "alerts",
    "sso",
    "placing",
    "api",
    "demo",
]


def python_files(folder: str) -> list[Path]:
    return sorted(path for path in (ROOT / folder).rglob("*.py") if "migrations" not in path.parts)


def imported_modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_rooms_before_it(room):
    later = ROOMS[ROOMS.index(room) + 1 :]
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in python_files(f"portal/{room}")
        for module in imported_modules(path)
        if module.startswith("portal.") and module.split(".")[1] in later
    ]
    assert wrong == []


def test_every_room_is_in_the_order():
    folders = {path.name for path in (ROOT / "portal").iterdir() if (path / "apps.py").exists()}
    assert folders == set(ROOMS)


def test_comet_imports_neither_django_nor_the_portal():
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in python_files("comet")
        for module in imported_modules(path)
        if module.split(".")[0] in {"django", "portal"}
    ]
    assert wrong == []


def test_views_and_consumers_leave_the_orm_to_selectors():
    """`get_for` is the one door to a single object; lists come from selectors."""
    wrong = []
    for name in ("views", "consumers"):
        for path in (ROOT / "portal").glob(f"*/{name}*"):
            for file in [path] if path.is_file() else path.glob("*.py"):
                for number, line in enumerate(file.read_text().splitlines(), 1):
                    if ".objects" in line and ".objects.get_for(" not in line:
                        wrong.append(f"{file.relative_to(ROOT)}:{number} {line.strip()}")
    assert wrong == []


def url_patterns(
    resolver: URLResolver | None = None, namespace: str = "", route: str = ""
) -> Iterator[tuple[str, URLPattern]]:
    """Each URL of the portal by its full name."""
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLResolver):
            inner = ":".join(filter(None, [namespace, pattern.namespace]))
            yield from url_patterns(pattern, inner, route + str(pattern.pattern))
        else:
            yield ":".join(filter(None, [namespace, pattern.name])), pattern


def test_every_view_states_who_may_use_it():
    """Sign-in pages are django-allauth's own; everything else wears requires, signed_in or public."""
    silent = [
        name
        for name, pattern in url_patterns()
        if not hasattr(pattern.callback, "permission")
        and not pattern.callback.__module__.startswith("allauth.")
    ]
    assert silent == []


@pytest.mark.parametrize("template", sorted((ROOT / "templates").rglob("*.html")), ids=lambda path: path.name)
def test_templates_carry_no_inline_code(template):
    text = template.read_text().replace("field.help_text|safe", "")  # help texts are our own markup
    for forbidden in (" style=", "<style", "hx-on", "javascript:", " onclick=", " onload=", "|safe"):
        assert forbidden not in text
