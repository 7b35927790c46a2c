"""Background work about people."""

from celery import shared_task

from portal.accounts import sessions, viewing


@shared_task
def sweep_sessions() -> None:
    sessions.purge_sessions()


@shared_task
def sweep_viewings() -> None:
    viewing.sweep_viewings()
