"""Hands work to Celery without ever failing, or hanging, the request that wants it done.

Only for work that is written in the database and that some sweep finds there: what Redis does not
take now is done some seconds later.
"""

import structlog
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)


def send_task(name: str, *args: object, queue: str = "default") -> bool:
    """Queue the task of that name now; False where Redis cannot be reached."""
    try:
        current_app.send_task(name, args=args, queue=queue, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("task.not_queued", task=name, error=str(error))
        return False
    return True


def send_task_on_commit(name: str, *args: object, queue: str = "default") -> None:
    """Queue it once the transaction around is committed; at once outside one."""
    transaction.on_commit(lambda: send_task(name, *args, queue=queue))
