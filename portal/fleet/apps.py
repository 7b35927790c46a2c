from django.apps import AppConfig


class FleetConfig(AppConfig):
    name = "portal.fleet"
    label = "fleet"

    def ready(self) -> None:
        from portal.fleet import backups  # noqa: F401  (registers its kind of Operation)
