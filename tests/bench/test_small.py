"""Every benchmark can be run: at a size whose figures mean nothing."""

import os
import subprocess
import sys
from typing import Final

from tests.bench.harness import find_benchmarks
from tests.environment.django import not_prepared

NEEDS_A_BROWSER: Final = "event_to_dom"
"""Run by tests/browser/test_bench.py, where a portal and a Chromium are."""

FIGURES: Final = {
    "comet_calls": "comet.call-cpu",
    "comet_decode": "comet.jobs-raw-peak-memory",
    "comet_import": "comet.import-memory-with-python",
    "emulator_size": "emulator.memory",
    "fanout": "fanout.deliveries-with-rendering",
    "import": "import.end-to-end-small-write-p95",
    "ingest": "ingest.cpu-per-event.ours",
    "relay": "relay.cpu-of-a-return",
    "resync": "resync.5-percent-changed-times-faster.ours",
    "scope": "scope.ours.devices.queries",
    "webhook": "webhook.longest-kept.ours",
}
"""The last figure of each."""


def test_every_benchmark_runs_to_its_last_figure():
    names = [benchmark.name for benchmark in find_benchmarks()]
    assert set(names) == {*FIGURES, NEEDS_A_BROWSER}

    ended = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--small", *FIGURES],
        env=not_prepared(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    lines, _, table = ended.stdout.partition("\n\n")
    missing = [name for name, figure in FIGURES.items() if f"bench {figure} " not in lines]
    assert not missing, ended.stdout
    assert table.startswith("figure ")
