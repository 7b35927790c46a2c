"""Writes `comet/types/`, `comet/api/`, `comet/constants/` and `docs/comet-methods.md` from the spec.

python -m comet.spec.generate           write what has changed
python -m comet.spec.generate --check   write nothing; exit 1 and name what is not current

Run as a file, `python comet/spec/generate.py`, it also works while the generated files are missing or
cannot be imported.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from types import ModuleType

PACKAGE = Path(__file__).resolve().parent.parent
DOCS = Path("..", "docs")
if not __package__:  # as a file: give the package its name without importing what it is made of
    sys.modules["comet"] = ModuleType("comet")
    sys.modules["comet"].__path__ = [str(PACKAGE)]

from comet.spec import emit_constants, emit_docs, emit_methods, emit_types  # noqa: E402
from comet.spec.model import load  # noqa: E402
from comet.spec.text import LINE  # noqa: E402


def generated_files() -> dict[Path, str]:
    """The formatted text of each generated file, by its path from the package on."""
    spec = load()
    files = {Path("constants", name): text for name, text in emit_constants.emit(spec).items()}
    files |= {Path("types", name): text for name, text in emit_types.emit(spec).items()}
    files |= {Path("api", name): text for name, text in emit_methods.emit(spec).items()}
    files = {path: _formatted(text) for path, text in files.items()}
    if (PACKAGE / DOCS).is_dir():  # not where the package stands alone
        files[DOCS / "comet-methods.md"] = emit_docs.emit(spec)
    return files


def stale_files(files: dict[Path, str], package: Path = PACKAGE) -> list[Path]:
    """Files that differ from what would be written, and files that would not be written any more."""
    different = [
        path
        for path, text in files.items()
        if not (package / path).is_file() or (package / path).read_text("utf-8") != text
    ]
    existing = {
        path.relative_to(package)
        for folder in ("types", "api", "constants")
        for path in (package / folder).glob("*.py")
    }
    return sorted({*different, *(existing - files.keys())})


def main(arguments: list[str] | None = None) -> int:
    """The command; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m comet.spec.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether the files are current")
    options = parser.parse_args(arguments)
    files = generated_files()
    stale = stale_files(files)
    if options.check:
        for path in stale:
            print(f"not current: comet/{path}", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        target = PACKAGE / path
        if path in files:
            target.parent.mkdir(exist_ok=True)
            target.write_text(files[path], "utf-8")
        else:
            target.unlink()
    print(f"{len(files)} files, {len(stale)} changed")
    return 0


def _formatted(text: str) -> str:
    """The text after `ruff check --fix` of its imports and `ruff format`."""
    for command in (
        [
            "check",
            "--select",
            "I,RUF022",
            "--fix",
            "--quiet",
            "--config",
            "lint.isort.known-first-party=['comet']",
        ],
        ["format", "--quiet"],
    ):
        text = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", "--line-length", str(LINE), "-"],
            input=text,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    return text


if __name__ == "__main__":
    sys.exit(main())
