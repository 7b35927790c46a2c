from django.apps import AppConfig


class ServersConfig(AppConfig):
    name = "portal.servers"
    label = "servers"

    def ready(self) -> None:
        from portal.servers import kinds  # noqa: F401  (registers its kinds of Operation)
