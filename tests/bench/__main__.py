"""`make bench`: run the benchmarks, in a fresh environment with a real Redis."""

import sys
import traceback

import django

from tests.bench.harness import find_benchmarks
from tests.environment import django as environment


def main(only: list[str]) -> int:
    """The number of benchmarks that could not be run."""
    broken = 0
    with environment.prepare():
        django.setup()
        for name, benchmark in find_benchmarks(only):
            try:
                for result in benchmark():
                    print(result, flush=True)
            except Exception:  # the others are still worth running
                print(f"bench {name} could not be run:\n{traceback.format_exc()}", file=sys.stderr)
                broken += 1
    return broken


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
