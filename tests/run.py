"""`make test`: every check and every test, one after the other; ends with the counts.

All of it runs even when something fails early, so that one run shows all there is to mend.
"""

import os
import secrets
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet

from tests.environment import chromium
from tests.environment.postgres import postgres_url

ROOT: Final = Path(__file__).resolve().parent.parent
RESULTS: Final = ROOT / "test-results"
OWN_VARIABLES: Final = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "ENCRYPTION_KEYS", "ALLOWED_HOSTS")
LISTS_OF_THE_MATRIX: Final = "tests/refusals/test_matrix.py::test_lists"
"""What a list shows whom is decided by SQL, and so by each database."""

SAME_ON_EITHER: Final = (
    "api/test_openapi.py",
    "core/test_settings.py",
    "live/test_bad_browsers.py",
    "live/test_consumers.py",
    "live/test_hub.py",
    "live/test_pages_stay_open.py",
    "servers/test_no_scanner.py",
)
"""Of tests/portal: long, and about sockets, settings or addresses; they run on SQLite alone."""


@dataclass(slots=True)
class Outcome:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    broken: list[str] = field(default_factory=list)
    """Names of the steps that did not end well."""

    def add_report(self, report: Path) -> None:
        """Add the counts of one pytest run's JUnit file."""
        for suite in ElementTree.parse(report).iter("testsuite"):
            total, skipped = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
            failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            self.failed += failed
            self.skipped += skipped
            self.passed += total - failed - skipped

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def main() -> int:
    outcome = Outcome()
    run_checks(outcome)
    if "--checks-only" not in sys.argv:
        run_tests(outcome)
    if outcome.broken:
        print(f"\nNot well: {', '.join(outcome.broken)}")
    if "--checks-only" not in sys.argv:
        print(f"\n{outcome}")
    return 1 if outcome.broken else 0


def run_checks(outcome: Outcome) -> None:
    with tempfile.TemporaryDirectory(prefix="perihelion-checks-") as folder:
        test = {"PERIHELION_ENV": "test", "PERIHELION_DATA": folder}
        production = {
            "PERIHELION_ENV": "production",
            "PERIHELION_DATA": folder,
            "SECRET_KEY": secrets.token_urlsafe(50),
            "ENCRYPTION_KEYS": Fernet.generate_key().decode(),
            "ALLOWED_HOSTS": "portal.example",
        }
        for name, arguments, environ in (
            ("lint", ["ruff", "check", "."], {}),
            ("format", ["ruff", "format", "--check", "--quiet", "."], {}),
            ("types", ["mypy"], {}),
            ("lock files", ["tests.locks", "--check"], {}),
            ("templates", ["djlint", "templates", "--lint", "--quiet"], {}),
            ("settings", ["django", "check", "--deploy", "--fail-level", "WARNING"], production),
            ("static files", ["django", "collectstatic", "--noinput", "--verbosity", "0"], production),
            ("migrations", ["django", "makemigrations", "--check", "--dry-run"], test),
            ("permissions page", ["django", "permissions", "--check"], test),
        ):
            if run_step(name, arguments, {"DJANGO_SETTINGS_MODULE": "portal.settings", **environ}):
                outcome.broken.append(name)


def run_tests(outcome: Outcome) -> None:
    RESULTS.mkdir(exist_ok=True)
    parallel = ["-n", str(min(4, os.cpu_count() or 1))]
    run_pytest("tests, SQLite", ["-m", "not browser and not postgres", *parallel], {}, outcome)
    with postgres_url() as url:
        ignored = [f"--ignore=tests/portal/{name}" for name in SAME_ON_EITHER]
        arguments = ["tests/portal", LISTS_OF_THE_MATRIX, *ignored, "-m", "not browser", *parallel]
        run_pytest("tests, PostgreSQL", arguments, {"DATABASE_URL": url}, outcome)
    try:
        browser = chromium.find_or_install()
    except chromium.NoChromium as exc:
        print(exc)
        outcome.broken.append("tests, Chromium")
        outcome.failed += 1
        return
    by_file = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]  # each has a portal of its own
    arguments = ["tests/browser", "-m", "browser", *by_file]
    run_pytest("tests, Chromium", arguments, {"CHROMIUM": browser}, outcome)


def run_pytest(name: str, arguments: Sequence[str], environ: Mapping[str, str], outcome: Outcome) -> None:
    report = RESULTS / f"{name.replace(', ', '-').lower()}.xml"
    report.unlink(missing_ok=True)
    if run_step(name, ["pytest", "-q", f"--junitxml={report}", *arguments], environ):
        outcome.broken.append(name)
    if report.exists():
        outcome.add_report(report)
    else:  # it ended before it could count
        outcome.failed += 1


def run_step(name: str, arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one module of this Python as a command; its exit status."""
    print(f"== {name}: {' '.join(arguments)}", flush=True)
    started = time.monotonic()
    inherited = {key: value for key, value in os.environ.items() if key not in OWN_VARIABLES}
    ended = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, env={**inherited, **environ}, check=False
    )
    word = "failed" if ended.returncode else "ok"
    print(f"== {name}: {word}, {time.monotonic() - started:.0f} s\n", flush=True)
    return ended.returncode


if __name__ == "__main__":
    sys.exit(main())
