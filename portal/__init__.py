"""The Django project: one web admin portal over many Comet Servers."""

from portal.celery import app as celery_app

__all__ = ["celery_app"]
