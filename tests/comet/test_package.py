"""The folder is a package of its own: what it imports it names, and what it needs is in it."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "comet"
PROJECT = tomllib.loads((PACKAGE / "pyproject.toml").read_text("utf-8"))
MODULES = {"python-multipart": "python_multipart"}  # where the distribution has another name
LIMIT_MB = 45
SCRIPT = """
import sys, json
import comet
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(json.dumps([int(peak.split()[1]) / 1000, sorted(sys.modules)]))
"""


def imports(files):
    """The modules outside the standard library that files import, by their first name."""
    found = set()
    for path in files:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add((node.module or "").partition(".")[0])
    return found - sys.stdlib_module_names - {"comet"}


def named(requirements):
    names = [re.match(r"[\w-]+", requirement)[0] for requirement in requirements]
    return {MODULES.get(name, name) for name in names}


def test_what_is_imported_is_named():
    emulator = set(PACKAGE.glob("emulator/**/*.py"))
    client = named(PROJECT["project"]["dependencies"])
    extra = named(PROJECT["project"]["optional-dependencies"]["emulator"])
    assert imports(set(PACKAGE.rglob("*.py")) - emulator) == client
    assert imports(emulator) <= client | extra


def test_every_folder_of_code_and_every_file_it_reads_is_packed():
    setuptools = PROJECT["tool"]["setuptools"]
    folders = {path.parent for path in PACKAGE.rglob("__init__.py")}
    packages = {".".join(("comet", *folder.relative_to(PACKAGE).parts)) for folder in folders}
    packed = {
        path
        for name, patterns in setuptools["package-data"].items()
        for pattern in patterns
        for path in PACKAGE.joinpath(*name.split(".")[1:]).glob(pattern)
    }
    files = {path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}

    assert set(setuptools["packages"]) == packages
    assert {path.name for path in files - packed} == {"pyproject.toml", "README.md"}


def test_importing_is_light():
    output = subprocess.check_output([sys.executable, "-c", SCRIPT], cwd=PACKAGE.parent)
    peak_mb, modules = json.loads(output)
    assert peak_mb < LIMIT_MB
    for heavy in ("django", "uvicorn", "starlette", "websockets", "comet.emulator", "comet.account"):
        assert heavy not in modules
