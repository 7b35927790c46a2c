"""What goes wrong: one function per fault. Each does its harm at once and says what it did."""

import random
import time
from collections.abc import Callable
from typing import Final

from tests.chaos.world import World

Fault = Callable[[World, random.Random], str]

LONGEST_AWAY: Final = 5.0
"""Seconds until a supervisor starts a killed process again."""


def kill_relay(world: World, chance: random.Random) -> str:
    return _kill(world, chance, "relay")


def kill_worker(world: World, chance: random.Random) -> str:
    return _kill(world, chance, "worker", "bulk", "beat")


def kill_web(world: World, chance: random.Random) -> str:
    return _kill(world, chance, "web")


def kill_redis(world: World, chance: random.Random) -> str:
    """It keeps nothing on disk, so it comes back empty."""
    return _kill(world, chance, "redis")


def kill_server(world: World, chance: random.Random) -> str:
    """A Comet Server crashes; what it has answered for it keeps."""
    return _kill(world, chance, "comet")


def kill_many(world: World, chance: random.Random) -> str:
    """Everything of the portal but the database at once, as when a machine is reset."""
    killed = [_kill_one(world, chance, name) for name in world.processes.names("relay", "w", "b", "redis")]
    return ", ".join(killed)


def restart_database(world: World, chance: random.Random) -> str:
    """Only PostgreSQL runs as a process of its own."""
    if world.postgres is None:
        return _kill(world, chance, "relay", "w", "b")
    at_once = chance.random() < 0.5
    began = time.monotonic()
    world.postgres.restart(at_once=at_once)
    return f"database restarted{' at once' if at_once else ''} in {time.monotonic() - began:.1f} s"


def restart_server(world: World, chance: random.Random) -> str:
    """A Comet Server restarts in good order: it tells its streams, and has another start hash."""
    server = chance.choice(world.comets)
    server.try_order("restart")
    return f"{server.name} restarted"


def cut_streams(world: World, chance: random.Random) -> str:
    server, seconds = chance.choice(world.comets), round(chance.uniform(0, 6), 1)
    server.try_order("streams/drop", seconds=seconds)
    return f"{server.name} cut its streams and refuses new ones for {seconds} s"


def stall_streams(world: World, chance: random.Random) -> str:
    server, seconds = chance.choice(world.comets), round(chance.uniform(1, 8), 1)
    server.try_order("streams/stall", seconds=seconds)
    return f"{server.name} stalls its streams for {seconds} s"


def spoil_streams(world: World, chance: random.Random) -> str:
    server = chance.choice(world.comets)
    server.try_order("streams/garbage", frames=chance.randint(1, 12))
    return f"{server.name} sends garbage on its streams"


def spoil_answers(world: World, chance: random.Random) -> str:
    server, kind = chance.choice(world.comets), chance.choice(["html", "broken-json", "half", "stall"])
    server.try_order("answer", kind=kind, times=chance.randint(1, 4), seconds=4)
    return f"{server.name} answers its next calls with {kind}"


def fail_answers(world: World, chance: random.Random) -> str:
    server, status = chance.choice(world.comets), chance.choice([500, 502, 504])
    server.try_order("fail", http_status=status, times=chance.randint(1, 6))
    return f"{server.name} answers its next calls with HTTP {status}"


def disturb_webhooks(world: World, chance: random.Random) -> str:
    server = chance.choice(world.comets)
    twice, delay = round(chance.random(), 2), round(chance.uniform(0, 8), 1)
    server.try_order("webhooks/disturb", twice=twice, delay_seconds=delay)
    return f"{server.name} posts {twice:.0%} of its webhooks twice, each up to {delay} s late"


FAULTS: Final[tuple[Fault, ...]] = (
    kill_relay,
    kill_relay,
    kill_worker,
    kill_worker,
    kill_web,
    kill_redis,
    kill_server,
    kill_many,
    restart_database,
    restart_server,
    cut_streams,
    cut_streams,
    stall_streams,
    spoil_streams,
    spoil_answers,
    fail_answers,
    disturb_webhooks,
)
"""As often as they stand here."""


def heal(world: World) -> None:
    """Everything runs again, and nothing is disturbed any more."""
    world.processes.revive_all()
    for server in world.comets:
        world.wait_until(lambda one=server: bool(one.try_order("webhooks/disturb")), f"{server.name} is up")
        server.order("clear")


def _kill(world: World, chance: random.Random, *kinds: str) -> str:
    return _kill_one(world, chance, chance.choice(world.processes.names(*kinds)))


def _kill_one(world: World, chance: random.Random, name: str) -> str:
    away = round(chance.uniform(0, LONGEST_AWAY), 1)
    pid = world.processes.kill(name, away_seconds=away)
    return f"{name} is away already" if pid is None else f"kill -9 {name} (pid {pid}), back in {away} s"
