"""What beat asks of this room."""

from celery import shared_task

from portal.live.stream_state import note_unattended


@shared_task
def sweep_streams() -> None:
    """Say of streams without a living relay that they are down. Safe to run twice."""
    note_unattended()
