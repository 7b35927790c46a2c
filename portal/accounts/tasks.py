"""Background work about people."""

from celery import shared_task

from portal.accounts import sessions


@shared_task
def sweep_sessions() -> None:
    sessions.purge_sessions()
