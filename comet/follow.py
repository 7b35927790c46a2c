"""The live events of one Comet Server for as long as they are wanted: reconnects, and tells every gap.

async for item in follow_events(lambda: EventStream(url, client.start_session())):
    match item:
        case StreamedEvent(): ...  # or BadFrame
        case Disconnected(): ...   # nothing is heard from now on; a new attempt follows
        case Gap(): ...            # events flow again: read what may have changed meanwhile
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from comet import errors
from comet.stream import BadFrame, EventStream, StreamedEvent

OpenStream = Callable[[], EventStream | Awaitable[EventStream]]
"""Makes the stream of the next attempt, not yet entered; may take the time to get a new session key."""

_FOR_GOOD = (errors.BadAddress, errors.AddressRefused, errors.SecondFactorRequired)
_jitter = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Disconnected:
    """An attempt failed or the stream broke; the next attempt is made after a pause."""

    problem: errors.CometError
    attempts: int
    """How many have failed in a row."""
    pause_seconds: float


@dataclass(frozen=True, slots=True)
class Gap:
    """Events flow again. Those between the two times (Unix seconds) are lost: nothing is replayed.

    `lost_at` is when the last one was heard, or when `follow_events` began.
    """

    lost_at: float
    back_at: float


async def follow_events(
    open_stream: OpenStream, *, first_pause: float = 1.0, longest_pause: float = 60.0
) -> AsyncIterator[StreamedEvent | BadFrame | Disconnected | Gap]:
    """All events, from one stream after the other, without end.

    The pause before a new attempt doubles with each that fails, up to `longest_pause` seconds, and is
    shortened by a random part so that many followers do not return at once. It starts over when events
    flow. A stream that stays silent for its `idle_timeout` counts as broken.

    The first item is a Gap too: what happened before is not told either.

    Raises:
        Forbidden: the credential was refused twice in a row; once may be a session key that ran out.
        BadAddress, AddressRefused, SecondFactorRequired: trying again cannot help.
    """
    heard_at = time.time()
    failures = refusals = 0
    while True:
        try:
            stream = open_stream()
            if not isinstance(stream, EventStream):
                stream = await stream
            async with stream:
                yield Gap(heard_at, time.time())
                async for item in stream:
                    heard_at = time.time()
                    failures = refusals = 0
                    yield item
        except _FOR_GOOD:
            raise
        except errors.CometError as problem:
            refusals = refusals + 1 if isinstance(problem, errors.Forbidden) else 0
            if refusals > 1:
                raise
            pause = min(longest_pause, first_pause * 2.0 ** min(failures, 32)) * _jitter.uniform(0.5, 1.0)
            failures += 1
            yield Disconnected(problem, failures, pause)
            await asyncio.sleep(pause)
