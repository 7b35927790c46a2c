"""Celery's processes say that they are alive: workers by a thread of their own, beat by what it sends."""

import threading
from datetime import timedelta
from typing import Any, Final

import structlog
from celery.signals import worker_ready, worker_shutting_down
from django.db import DatabaseError, close_old_connections, connections

from portal.core.heartbeats import forget, name_of_this_process, say_alive

EVERY_SECONDS: Final = 5.0
SILENT_AFTER: Final = timedelta(seconds=30)
"""A process that said nothing for so long counts as down. Beat's work comes every 10 seconds."""

BEAT: Final = "beat"

log = structlog.get_logger(__name__)
_ending = threading.Event()


@worker_ready.connect
def begin(sender: Any = None, **_: Any) -> None:
    """A worker begins to take work. Its kind is the part of its name before the @."""
    kind = str(sender.hostname).partition("@")[0] or "worker"
    threading.Thread(target=_keep, args=(kind,), name="pulse", daemon=True).start()


@worker_shutting_down.connect
def end(**_: Any) -> None:
    _ending.set()


def say_beat_alive() -> None:
    """What beat sends every 10 seconds has arrived."""
    say_alive(BEAT, BEAT)


def _keep(kind: str) -> None:
    holder = name_of_this_process()
    while True:
        try:
            close_old_connections()
            say_alive(kind, holder)
        except DatabaseError as error:
            log.warning("pulse.not_written", error=str(error))
        if _ending.wait(EVERY_SECONDS):
            break
    try:
        forget(holder)
    except DatabaseError as error:
        log.warning("pulse.not_ended", error=str(error))
    connections.close_all()
