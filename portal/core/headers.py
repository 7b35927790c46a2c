"""The headers that every answer carries, whoever made it: pages, refusals, errors, static files."""

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse

_POWERS: Final = (
    "accelerometer",
    "autoplay",
    "camera",
    "display-capture",
    "encrypted-media",
    "geolocation",
    "gyroscope",
    "hid",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "picture-in-picture",
    "screen-wake-lock",
    "serial",
    "usb",
    "xr-spatial-tracking",
)
_OWN_POWERS: Final = (
    "clipboard-write",
    "fullscreen",
    "publickey-credentials-create",
    "publickey-credentials-get",
)

PERMISSIONS_POLICY: Final = ", ".join(
    [f"{name}=()" for name in _POWERS] + [f"{name}=(self)" for name in _OWN_POWERS]
)
"""What of a browser's powers the portal's pages use, for copying and for security keys; frames get none."""

HEADERS: Final = {
    # No page stays in the browser: after signing out, "back" asks again. Static files say otherwise.
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": PERMISSIONS_POLICY,
}


class HeadersMiddleware:
    """Outermost, so that no answer of Django's leaves without them; what a view says itself stays."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response
