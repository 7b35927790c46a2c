from django.apps import AppConfig


class SsoConfig(AppConfig):
    name = "portal.sso"
    label = "sso"

    def ready(self) -> None:
        from portal.servers.kinds import before_unlink
        from portal.sso import (
            services,
            signals,  # noqa: F401  (connects its receivers)
        )

        if services.end_at not in before_unlink:
            before_unlink.append(services.end_at)
