from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class AuditConfig(AppConfig):
    name = "portal.audit"
    label = "audit"

    def ready(self) -> None:
        pre_migrate.connect(_take_guards_down, sender=self)
        post_migrate.connect(_put_guards_up, sender=self)


def _take_guards_down(**_: Any) -> None:
    from portal.audit import guards

    guards.remove()


def _put_guards_up(**_: Any) -> None:
    from portal.audit import guards

    if guards.can_be_up():
        guards.install()
