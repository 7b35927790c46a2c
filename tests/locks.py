"""The lock files: for each requirements file, what it pins with the SHA-256 of every file of each version.

`make lock` writes them, `make lint` checks that they agree. Installing takes nothing whose digest is not
in them, whatever a package index serves, and they name no index.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
LOCKS: Final = {"requirements.txt": "requirements.lock", "requirements-dev.txt": "requirements-dev.lock"}
OLDEST_PYTHON: Final = "3.11"
COMPILE: Final = (
    *("pip", "compile", "--quiet", "--universal", "--generate-hashes"),
    *("--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"),
)

_PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;#\\]+)(\s*;[^\\#]+)?", re.MULTILINE)
_HASH: Final = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def write(folder: Path = ROOT) -> None:
    """Ask the package index for the digests. Versions are those of the requirements files."""
    for source, lock in LOCKS.items():
        arguments = [*COMPILE, "--python-version", OLDEST_PYTHON, source, "--output-file", lock]
        subprocess.run([sys.executable, "-m", "uv", *arguments], cwd=folder, check=True)


def problems(folder: Path = ROOT) -> list[str]:
    """Where the lock files say otherwise than the requirements files; asks nobody."""
    found = []
    for source, lock in LOCKS.items():
        wanted, text = pins(folder, source), (folder / lock).read_text()
        locked = {_name(match[1]): (match[2], match[3]) for match in _PIN.finditer(text)}
        for name, version in wanted.items():
            if locked.get(name, ("",))[0] != version:
                found.append(f"{lock} lacks {name}=={version} of {source}.")
        for name, (version, only_where) in locked.items():
            if name not in wanted and not only_where:
                found.append(f"{lock} holds {name}=={version}, which {source} does not pin.")
        for entry in re.split(r"\n(?=\S)", text.strip()):
            if not _PIN.match(entry) or not _HASH.search(entry) or "://" in entry:
                found.append(f"{lock}: {entry.splitlines()[0]!r} is no pin with its digests.")
    return found


def pins(folder: Path, source: str) -> dict[str, str]:
    """Version by name of a requirements file and those it includes."""
    text = (folder / source).read_text()
    included = re.findall(r"^-r (\S+)", text, re.MULTILINE)
    own = {_name(match[1]): match[2] for match in _PIN.finditer(text)}
    return {name: version for file in included for name, version in pins(folder, file).items()} | own


def _name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    if "--check" not in sys.argv:
        write()
    if wrong := problems():
        print(*wrong, "Run `make lock`, and commit what it writes.", sep="\n")
        sys.exit(1)
