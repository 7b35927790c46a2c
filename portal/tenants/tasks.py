"""Background work on the tenant tree."""

from celery import shared_task

from portal.tenants import trash


@shared_task(soft_time_limit=600, time_limit=900)  # seconds
def purge_trash() -> None:
    """Delete for good what has lain in the trash for 30 days. Safe to run twice."""
    trash.purge_what_is_due()
