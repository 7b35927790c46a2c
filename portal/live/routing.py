"""Websocket addresses."""

from django.urls import URLPattern, path

from portal.live.consumers import LiveConsumer

websocket_urlpatterns: list[URLPattern] = [
    path("ws/live/", LiveConsumer.as_asgi()),  # an ASGI application
]
