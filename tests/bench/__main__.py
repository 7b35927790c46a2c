"""`make bench`: run the benchmarks, in a fresh environment with a real Redis; a table of all at the end.

    python -m tests.bench [--small] [PART OF A NAME]...

`--small` runs them at a size that shows no more than that they can be run.
"""

import sys
import time
import traceback
from argparse import ArgumentParser
from typing import Final

import django

from tests.bench.harness import NotMeasured, Result, find_benchmarks, table
from tests.environment import django as environment

LIMIT_SECONDS: Final = 600.0
"""So that somebody runs them."""


def main(only: list[str], *, is_small: bool) -> int:
    """The number of benchmarks that could not be run."""
    told: list[Result | NotMeasured] = []
    broken = 0
    all_began = time.monotonic()
    with environment.prepare():
        django.setup()
        for benchmark in find_benchmarks(only):
            began = time.monotonic()
            try:
                for one in benchmark.run(**(benchmark.small if is_small else {})):
                    print(one, flush=True)
                    told.append(one)
            except Exception:  # the others are still worth running
                print(f"bench {benchmark.name} could not be run:\n{traceback.format_exc()}", file=sys.stderr)
                told.append(NotMeasured(benchmark.name, "it could not be run"))
                broken += 1
            print(f"bench {benchmark.name} took {time.monotonic() - began:.0f} s", flush=True)
    if not only:
        told.append(
            Result("all-benchmarks", time.monotonic() - all_began, "s", LIMIT_SECONDS, "limit", most=1)
        )
    print(f"\n{table(told)}")
    return broken


if __name__ == "__main__":
    parser = ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("only", nargs="*")
    options = parser.parse_args()
    sys.exit(main(options.only, is_small=options.small))
