from celery import shared_task

from portal.sso import services


@shared_task(soft_time_limit=60, time_limit=90)  # seconds
def revoke_launch(launch_id: str) -> None:
    """Revoke the key of one ended sign-in. Safe to run twice."""
    services.revoke(launch_id)


@shared_task(soft_time_limit=60, time_limit=90)  # seconds
def sweep_launches() -> None:
    """End sign-ins whose time is over, and try again to revoke their keys. Safe to run twice."""
    services.sweep()
