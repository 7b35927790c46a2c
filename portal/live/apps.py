from typing import Any

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_out

from portal.core.events import publish


class LiveConfig(AppConfig):
    name = "portal.live"
    label = "live"

    def ready(self) -> None:
        from portal.live import replay_kinds, webhook_kinds  # noqa: F401  (they register kinds of Operation)
        from portal.live.webhooks import remove_at
        from portal.servers.kinds import before_unlink

        if remove_at not in before_unlink:
            before_unlink.append(remove_at)

        user_logged_out.connect(_tell_open_pages, dispatch_uid="live.signed_out")


def _tell_open_pages(user: Any = None, **_: object) -> None:
    """Somebody signed out: the pages left open in other tabs are closed as well."""
    if user is not None:
        publish("access.changed", tenant_id=None, user=user.pk)
