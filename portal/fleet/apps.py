from django.apps import AppConfig


class FleetConfig(AppConfig):
    name = "portal.fleet"
    label = "fleet"

    def ready(self) -> None:
        from portal.fleet import backups  # noqa: F401  (registers its kind of Operation)
        from portal.fleet.suspensions import COMET_USERS
        from portal.tenants.comet_users import use_comet_users

        use_comet_users(COMET_USERS)
