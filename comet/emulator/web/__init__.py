"""The stand-in for Comet's web interface: one page that signs in as the real one does."""

from importlib import resources

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from comet.emulator.server import Server

_FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/app.js": ("app.js", "text/javascript; charset=utf-8"),
    "/app.css": ("app.css", "text/css; charset=utf-8"),
    "/gen/logo.img": ("logo.svg", "image/svg+xml"),
}


def routes(server: Server) -> list[Route]:
    """The page, its script, its style, and the logo."""
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if server.options.frame_options == "deny":
        headers["X-Frame-Options"] = "DENY"
    return [_route(path, name, media_type, headers) for path, (name, media_type) in _FILES.items()]


def _route(path: str, name: str, media_type: str, headers: dict[str, str]) -> Route:
    body = resources.files("comet.emulator.web").joinpath(name).read_bytes()

    async def serve(request: Request) -> Response:
        return Response(body, media_type=media_type, headers=headers)

    return Route(path, serve, methods=["GET"])
