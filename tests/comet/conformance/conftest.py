"""One server with enough connected devices for every method."""

from collections.abc import Iterator

import pytest

from tests.comet.conformance import makers
from tests.comet.conformance.world import World
from tests.comet.emulator.conftest import START_AT
from tests.emulator_process import EmulatorProcess, start_emulator

__all__ = ["makers"]


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorProcess]:
    with start_emulator(users=60, jobs_per_day=400, days=4, seed=3, start_at=START_AT) as process:
        yield process


@pytest.fixture(scope="module")
def world(emulator: EmulatorProcess) -> World:
    return World(emulator)
