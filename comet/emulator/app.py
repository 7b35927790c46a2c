"""Routes: every API method by its path, the event stream, branding, and the web interface."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from comet.emulator import auth, events, forms, parameters, permissions, shapes, stream, web
from comet.emulator.auth import Caller
from comet.emulator.call import Call, Raw
from comet.emulator.errors import Refusal, bad_request
from comet.emulator.faults import Fault
from comet.emulator.live import Life
from comet.emulator.methods import HANDLERS
from comet.emulator.methods.meta import branding_props
from comet.emulator.server import Server
from comet.emulator.shapes import Method

_COMPRESSED_FROM, _COMPRESSED_TO = 2000, 4 << 20  # bytes
_SIGN_IN = {
    "admin": auth.sign_in_admin,
    "user": auth.sign_in_user,
    "hybrid": auth.sign_in_hybrid,
    "optional-admin": auth.sign_in_for_download,
    "none": auth.sign_in_nobody,
}
_SPANISH = {"Unauthorised": "No autorizado", "User not found": "Usuario no encontrado"}


def make_app(server: Server) -> Starlette:
    """The emulated server as an ASGI application. Its lifespan runs the emulated world."""
    paths = _method_paths(shapes.version_tuple(server.options.version))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        server.note_start()
        life = Life(server)
        app.state.life = life
        task = asyncio.create_task(life.run())
        server.webhooks.restarted(server.hello())
        server.hub.emit(events.SERVER_STARTED)
        server.power.note_up()
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        server.hub.drop_all()

    async def api(request: Request) -> Response:
        method = paths.get(request.url.path)
        if method is None:
            return PlainTextResponse("404 page not found\n", status_code=404)
        if request.method != method.http_method:
            return PlainTextResponse("405 method not allowed\n", status_code=405)
        return await _answer(server, request, method)

    async def props(request: Request) -> Response:
        if (fault := await _fault(server, "BrandingProps")) is not None:
            return await _spoiled(fault)
        organization_id = server.organizations.at_host(request.headers.get("host", ""))
        return _json(branding_props(server, organization_id))

    async def events_stream(socket: WebSocket) -> None:
        await stream.serve(server, socket)

    return Starlette(
        routes=[
            Route("/gen/branding.props", props, methods=["GET"]),
            WebSocketRoute("/api/v1/events/stream", events_stream),
            Route("/api/{rest:path}", api, methods=["GET", "POST", "PUT", "DELETE", "PATCH"]),
            *web.routes(server),
        ],
        lifespan=lifespan,
    )


def _method_paths(version: tuple[int, ...]) -> dict[str, Method]:
    """Every path of the API that this version knows, aliases included."""
    return {
        path: method
        for method in shapes.methods().values()
        if method.introduced <= version
        for path in (method.path, *method.aliases)
    }


async def _answer(server: Server, request: Request, method: Method) -> Response:
    try:
        given, files = await forms.read(request, server.options.body_seconds)
    except ClientDisconnect:
        return Response(status_code=400)
    except Refusal as refusal:
        return _refused(refusal, request)
    fault = await _fault(server, method.name)
    if fault is not None and fault.kind != "half":
        return await _spoiled(fault)
    try:
        origin = auth.origin_of(server, request)
        caller = _SIGN_IN[method.auth](server, given, origin)
        _admit(server, method, caller)
        values = parameters.read(method, given)
        call = Call(server, request.app.state.life, caller, values, origin.host, files=files)
        answer = HANDLERS[method.name](call)
    except Refusal as refusal:
        return _refused(refusal, request)
    except RecursionError:
        return _refused(bad_request("A document is nested too deeply"), request)
    if isinstance(answer, Raw):
        response = Response(answer.body, media_type=answer.content_type, headers=answer.headers)
    else:
        response = _json(answer)
    if server.mangling.is_on and method.returns:
        value = server.mangling.apply(method.returns, msgspec.json.decode(bytes(response.body)))
        response = _json(value)
    _compress(response, request)
    if call.after:
        response.background = BackgroundTask(_do_all, call.after)
    return _Half(response) if fault is not None else response


def _compress(response: Response, request: Request) -> None:
    """Answers of a middling size, for those who take gzip. Larger ones leave sooner as they are."""
    body = bytes(response.body)
    if _COMPRESSED_FROM <= len(body) <= _COMPRESSED_TO:
        response.headers["Vary"] = "Accept-Encoding"
        if "gzip" in request.headers.get("accept-encoding", ""):
            response.body = gzip.compress(body, compresslevel=1, mtime=0)
            response.headers["Content-Encoding"] = "gzip"
            response.headers["Content-Length"] = str(len(response.body))


class _Half(Response):
    """An answer that breaks off in the middle."""

    def __init__(self, whole: Response) -> None:
        super().__init__(bytes(whole.body), headers=whole.headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})


def _admit(server: Server, method: Method, caller: Caller) -> None:
    """Raises Refusal if this caller may not use the method on this server."""
    if method.top_level_only and not caller.is_top_level:
        raise Refusal(403, "Only a top-level administrator can do this")
    for role in method.roles:
        if not server.settings.has_role(role):
            raise bad_request(f"The {role} role of this server is not enabled")
    if caller.kind == auth.ADMIN:
        admin = server.admins.find(caller.username, caller.organization_id)
        permissions.check(method.name, admin["Permissions"] if admin else {})


async def _do_all(tasks: list[Callable[[], None]]) -> None:
    for task in tasks:
        task()


async def _fault(server: Server, method: str) -> Fault | None:
    """Hold the call back as the control plane wants it; the fault it is to meet."""
    if (delay := server.faults.delay(method)) > 0:
        await asyncio.sleep(delay)
    return server.faults.take(method)


async def _spoiled(fault: Fault) -> Response:
    if fault.kind == "stall":
        await asyncio.sleep(fault.seconds)
        return Response(status_code=504)
    if fault.kind == "html":
        return Response("<!doctype html><title>Welcome</title><h1>It works</h1>", media_type="text/html")
    if fault.kind == "broken-json":
        return Response(b'{"Status": 200, "Message": "OK", "Prof', media_type="application/json")
    if fault.kind == "endless":
        return StreamingResponse(_endless(), media_type="application/json")
    body = msgspec.json.encode({"Status": fault.http_status, "Message": "Failed on request"})
    return Response(body, status_code=fault.http_status, media_type="application/json")


async def _endless() -> AsyncIterator[bytes]:
    yield b"["
    while True:
        yield b'"again",' * 4096
        await asyncio.sleep(0.01)


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


def _refused(refusal: Refusal, request: Request) -> Response:
    language = request.headers.get("accept-language", "")
    message = _SPANISH.get(refusal.message, refusal.message) if language.startswith("es") else refusal.message
    body = msgspec.json.encode({"Status": refusal.status, "Message": message, **refusal.extra})
    return Response(
        body, status_code=refusal.http_status, media_type="application/json", headers=refusal.headers
    )
