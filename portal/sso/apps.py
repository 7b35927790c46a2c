from django.apps import AppConfig


class SsoConfig(AppConfig):
    name = "portal.sso"
    label = "sso"

    def ready(self) -> None:
        from portal.sso import signals  # noqa: F401  (connects its receivers)
