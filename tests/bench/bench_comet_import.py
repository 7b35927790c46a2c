"""What `import comet` costs a new process: time, and memory with the interpreter's own."""

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.bench.harness import Result

ROUNDS: Final = 9
GOAL_MS: Final = 250.0
GOAL_MB: Final = 45.0
ROOT: Final = Path(__file__).resolve().parents[2]
SCRIPT: Final = """
import json, time
wall, cpu = time.perf_counter(), time.process_time()
import comet
print(json.dumps([
    (time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000,
    next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM:")) / 1000,
]))
"""


SMALL: Final = {"rounds": 1}


def run(rounds: int = ROUNDS) -> Iterator[Result]:
    measured = [
        json.loads(subprocess.check_output([sys.executable, "-c", SCRIPT], cwd=ROOT)) for _ in range(rounds)
    ]
    wall, cpu, memory = (statistics.median(column) for column in zip(*measured, strict=True))
    yield Result("comet.import", wall, "ms", GOAL_MS, "limit", most=1)
    yield Result("comet.import-cpu", cpu, "ms", GOAL_MS, "limit", most=1)
    yield Result("comet.import-memory-with-python", memory, "MB", GOAL_MB, "limit", most=1)
