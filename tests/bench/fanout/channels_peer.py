"""The peer that Channels' own tutorial ends with: one consumer per browser, one group for all.

uvicorn tests.bench.fanout.channels_peer:application
"""

import os
from typing import Any, Final

import django
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

GROUP: Final = "everybody"


class Everybody(AsyncWebsocketConsumer):
    """Passes on what is sent to the group."""

    async def connect(self) -> None:
        await self.channel_layer.group_add(GROUP, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(GROUP, self.channel_name)

    async def frame(self, message: dict[str, Any]) -> None:
        await self.send(text_data=message["text"])


application = ProtocolTypeRouter({"websocket": URLRouter([path("all/", Everybody.as_asgi())])})  # type: ignore[arg-type]
