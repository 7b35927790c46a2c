"""A web process's hub with one page open, that notes when it hears of each stored event.

Prints "ready"; after each line on standard input, JSON: event id -> Unix time.
"""

import asyncio
import sys
import time
from collections.abc import Iterable
from typing import Any

import django
import msgspec

django.setup()

from portal.core.events import Fact  # noqa: E402
from portal.core.tenant_sets import EVERYTHING  # noqa: E402
from portal.live.hub import Hub  # noqa: E402
from portal.live.sockets import Reader  # noqa: E402
from portal.live.topics import SEEN_WITH, Sight, Topic  # noqa: E402

TOPICS = frozenset({Topic("activity"), Topic("jobs"), Topic("overview")})


class Ear(Hub):
    """Handles facts as every hub does, and notes the time."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: dict[int, float] = {}

    def take(self, facts: Iterable[Fact]) -> None:
        facts = list(facts)
        super().take(facts)
        now = time.time()
        self.heard.update((fact.ids["event"], now) for fact in facts if fact.name == "activity.added")


async def main() -> None:
    hub = Ear()
    hub.start()
    hub.join(
        Reader(
            _nowhere,
            user_id=0,
            topics=TOPICS,
            sight=Sight(tuple((permission, EVERYTHING) for permission in sorted(set(SEEN_WITH.values())))),
            recheck=_nothing,
        )
    )
    await hub._listening.wait()
    print("ready", flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(msgspec.json.encode(hub.heard).decode(), flush=True)
    await hub.stop()


async def _nowhere(_: dict[str, Any]) -> None:
    """The browser, which is not measured here."""


async def _nothing() -> None:
    """Its grants stay as they are."""


if __name__ == "__main__":
    asyncio.run(main())
