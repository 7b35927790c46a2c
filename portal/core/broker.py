"""How a worker's main process speaks with Redis."""

import structlog
from celery.worker import consumer

log = structlog.get_logger(__name__)


class Consumer(consumer.Consumer):
    """Celery's own, but it outlives the loss of Redis while a message waits for a free process.

    To close the lost connection the library puts such messages back, through a client that is gone already,
    and what that raises (kombu 5.7) ended the worker. Here nothing has to be put back: the sweeps find what
    was queued.
    """

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Drop the connection; the caller makes a new one."""
        try:
            super().on_connection_error_after_connected(exc)
        except AttributeError:
            log.warning("broker.not_closed", exc_info=True)
