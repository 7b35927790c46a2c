"""Where a real Chromium is, and how tests start it."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS: Final = (
    "--no-sandbox",  # it runs as root in containers, and opens only our own pages
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class NoChromium(Exception):
    """There is no Chromium here and it cannot be installed; says how to get it."""


def find() -> str | None:
    """The browser that CHROMIUM names, else the first on the PATH."""
    given = os.environ.get("CHROMIUM")
    return given or next((path for name in NAMES if (path := shutil.which(name))), None)


def find_or_install() -> str:
    """The browser's path; on Debian as root it is installed when missing.

    Raises:
        NoChromium: there is none, and this is not Debian as root.
    """
    if found := find():
        return found
    if not (Path("/etc/debian_version").exists() and os.geteuid() == 0 and shutil.which("apt-get")):
        raise NoChromium(
            "The browser tests need Chromium or Chrome: install it (Debian: apt install chromium),"
            " or name it: CHROMIUM=/path/to/chrome make test"
        )
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-qq", "--yes", "--no-install-recommends", "chromium"]):
        ended = subprocess.run(
            ["apt-get", *command], env=environ, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        if ended.returncode:
            said = ended.stdout.decode(errors="replace").strip().splitlines()[-1:]
            raise NoChromium(f"apt-get {command[0]} failed, so Chromium is missing: {' '.join(said)}")
    if found := find():
        return found
    raise NoChromium("apt-get installed chromium, yet there is none on the PATH.")
