from django.apps import AppConfig


class ServersConfig(AppConfig):
    name = "portal.servers"
    label = "servers"

    def ready(self) -> None:
        from portal.servers import kinds, trashed  # noqa: F401  (register kinds of Operation, receivers)
