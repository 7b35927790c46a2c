from django.apps import AppConfig


class ServersConfig(AppConfig):
    name = "portal.servers"
    label = "servers"
