"""Celery as `portal.celery` has it, but for the syncs that close gaps: what is missed stays missed.

For the test that shows that the checker sees what is lost.
"""

from celery.signals import worker_init, worker_process_init

from portal.celery import app

__all__ = ["app"]


def _leave_gaps_open(**_: object) -> None:
    from portal.jobs import tasks
    from portal.live import gaps

    gaps.close_gap = lambda server_id: None
    tasks.reconcile = lambda server, client: 0


worker_init.connect(_leave_gaps_open)
worker_process_init.connect(_leave_gaps_open)
