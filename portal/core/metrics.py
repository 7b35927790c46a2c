"""Figures that every process counts, added up in Redis, where `/metrics` reads them.

They are counters that only rise. A Redis that was emptied lets them begin at 0 again, as a restart
would; nobody's work waits for them, and without Redis they are kept for later.
"""

import atexit
import json
import threading
from collections import defaultdict
from typing import Final

import structlog
from redis.exceptions import RedisError

from portal.core.events import FACTS_CHANNEL, redis_connection

KEY: Final = FACTS_CHANNEL.replace("facts", "metrics")
FLUSH_SECONDS: Final = 5.0
BUCKETS: Final = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
"""Upper bounds in seconds of every histogram; what is above counts in the last, `+Inf`."""

log = structlog.get_logger(__name__)
Label = tuple[tuple[str, str], ...]


class Recorder:
    """Adds up in this process, and hands over every few seconds by a thread of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: dict[str, float] = defaultdict(float)
        self._thread: threading.Thread | None = None

    def add(self, fields: dict[str, float]) -> None:
        self._keep(fields)
        with self._lock:
            if self._thread is None or not self._thread.is_alive():  # not there yet, or lost with a fork
                self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
                self._thread.start()

    def _keep(self, fields: dict[str, float]) -> None:
        with self._lock:
            for name, value in fields.items():
                self._sums[name] += value

    def flush(self) -> None:
        """Hand over what was added; where Redis does not take it, keep it."""
        if (error := self._hand_over()) is not None:
            log.info("metrics.kept", error=str(error))

    def end(self) -> None:
        """Hand over for the last time, without a word: the log may be closed by now."""
        self._hand_over()

    def _hand_over(self) -> RedisError | None:
        with self._lock:
            sums, self._sums = self._sums, defaultdict(float)
        if not sums:
            return None
        try:
            with redis_connection().pipeline(transaction=True) as pipeline:
                for name, value in sums.items():
                    pipeline.hincrbyfloat(KEY, name, value)
                pipeline.execute()
        except RedisError as error:
            self._keep(sums)
            return error
        return None

    def _run(self) -> None:
        pause = threading.Event()
        while not pause.wait(FLUSH_SECONDS):
            self.flush()


_recorder = Recorder()
atexit.register(_recorder.end)


def count(name: str, value: float = 1, **labels: str) -> None:
    """Add to a counter, such as `events_ingested` by `source`. Labels have few values."""
    _recorder.add({field(name, labels): value})


def observe(name: str, seconds: float, **labels: str) -> None:
    """Count one duration in the histogram `name`."""
    bound = next((str(limit) for limit in BUCKETS if seconds <= limit), "+Inf")
    _recorder.add(
        {field(name, labels | {"le": bound}): 1, field(f"{name}:sum", labels): seconds},
    )


def flush() -> None:
    """Hand over now what this process has counted."""
    _recorder.flush()


def field(name: str, labels: dict[str, str]) -> str:
    return json.dumps([name, sorted(labels.items())])


def read_all() -> dict[str, dict[Label, float]]:
    """All figures: name -> labels -> value. A histogram has a label `le` and a sum named `name:sum`.

    Raises:
        redis.RedisError: Redis does not answer.
    """
    figures: dict[str, dict[Label, float]] = defaultdict(dict)
    for raw, value in redis_connection().hgetall(KEY).items():
        name, labels = json.loads(raw)
        figures[name][tuple((key, text) for key, text in labels)] = float(value)
    return figures
