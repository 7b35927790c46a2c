from celery import shared_task

from portal.core.pulse import say_beat_alive
from portal.operations import runner, sweeps


@shared_task(soft_time_limit=3600, time_limit=3660)  # seconds; a kind's calls have budgets of their own
def run_item(item_id: int) -> None:
    """Do one Operation item. Safe to run twice: the second finds it claimed or ended."""
    runner.run(item_id)


@shared_task(soft_time_limit=60, time_limit=90)  # seconds
def sweep() -> None:
    """Queue what Redis lost, take over from dead workers, mark what stands still. Safe to run twice."""
    say_beat_alive()
    sweeps.sweep()
