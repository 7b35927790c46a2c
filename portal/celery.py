"""The Celery application. Tasks are found in each room's `tasks.py`.

Redis only carries task messages. What has to be done is written in the database first, and
`operations.tasks.sweep` finds whatever Redis lost, so no result backend and no redelivery is used.
"""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
def announce_keys(**_: Any) -> None:
    """Say in the log what is wrong with the encryption keys, if anything is."""
    from portal.core.key_state import announce  # the apps are loaded by now

    announce()
