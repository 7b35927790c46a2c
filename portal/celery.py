"""The Celery application. Tasks are found in each room's `tasks.py`.

Redis only carries task messages. What has to be done is written in the database first, and
`operations.tasks.sweep` finds whatever Redis lost, so no result backend and no redelivery is used.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
