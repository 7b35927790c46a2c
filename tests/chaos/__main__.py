"""`make chaos`: breaks everything at random for a while, then shows what is lost; exit status 1 if anything.

    make chaos SEED=7 MINUTES=2

RATE is Job events a second over all servers, DATABASE `postgres` or `sqlite`.
"""

import os
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.chaos.run import Report, Settings, run
from tests.chaos.world import Plan, World

MOST_MINUTES = 60.0
SHOWN = 20


def main() -> int:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(1_000_000))
    minutes = min(MOST_MINUTES, float(os.environ.get("MINUTES") or 6))
    rate = float(os.environ.get("RATE") or 200)
    on_postgres = (os.environ.get("DATABASE") or "postgres") == "postgres"
    folder = Path(tempfile.mkdtemp(prefix="perihelion-chaos-"))
    print(f"chaos seed={seed}, {minutes:g} minutes, {rate:g} events/s, logs in {folder / 'logs'}", flush=True)
    try:
        with World(Plan(folder, on_postgres=on_postgres)) as world:
            report = run(world, Settings(seed, minutes * 60, rate), say)
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        return 130
    if report.is_clean:
        shutil.rmtree(folder, ignore_errors=True)
    show(report)
    return 0 if report.is_clean else 1


def say(text: str) -> None:
    print(text, flush=True)


def show(report: Report) -> None:
    """Faults, servers and findings; the last line sums up."""
    print(f"\n{'fault':<20}{'times':>6}")
    for name, times in sorted(report.faults.items()):
        print(f"{name:<20}{times:>6}")
    print(f"\n{'':<10}{'events':>9}{'jobs':>8}{'webhooks':>10}{'lost':>6}{'doubled':>9}{'stuck':>7}")
    for one in report.findings:
        figures = f"{one.events:>9}{one.jobs:>8}{one.webhooks:>10}"
        print(f"{one.name:<10}{figures}{len(one.lost):>6}{len(one.doubled):>9}{len(one.stuck):>7}")
    if report.deaths:
        print(f"\n{'ended by itself':<20}{'status':>6}")
    for death in report.deaths:
        print(f"{death.name:<20}{death.status:>6}")
    for title, texts in (
        ("lost", report.lost),
        ("doubled", report.doubled),
        ("stuck", report.stuck),
        ("ended by itself", report.deaths),
    ):
        for text in texts[:SHOWN]:
            print(f"{title}: {text}")
        if len(texts) > SHOWN:
            print(f"{title}: and {len(texts) - SHOWN} more")
    print(report, flush=True)


if __name__ == "__main__":
    sys.exit(main())
