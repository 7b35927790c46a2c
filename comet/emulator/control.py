"""The control plane: makes things happen on demand. JSON over HTTP, on loopback, off by default."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from comet.emulator.errors import Refusal, bad_request
from comet.emulator.faults import ANY_METHOD, Fault, Latency
from comet.emulator.flow import flow, retell
from comet.emulator.live import Life
from comet.emulator.server import Server
from comet.emulator.settings import ROLES

Wire = dict[str, Any]
_ANSWER_KINDS = ("html", "broken-json", "endless", "half", "stall")
_GARBAGE = ("no JSON", "[]", "{}", '{"Type": "4201"}', '{"Type": 4201, "Data": {"GUID": 7}}', "\x00")


class Control:
    """One coroutine per order; each takes the JSON body and returns what to answer."""

    def __init__(self, server: Server, app: Starlette) -> None:
        self._server = server
        self._app = app
        self._emitting: set[asyncio.Task[None]] = set()

    @property
    def _life(self) -> Life:
        life: Life = self._app.state.life
        return life

    async def state(self, order: Wire) -> Wire:
        server = self._server
        jobs = server.jobs.unfinished()
        return {
            "now": server.clock.now(),
            "seed": server.options.seed,
            "start_hash": server.start_hash,
            "users": len(server.profiles.names(None)),
            "devices": len(server.devices),
            "connected": len(server.live_connections()),
            "running_jobs": [job.guid for job in jobs],
            "sessions": len(server.sessions),
            "streams": server.hub.streams,
            "events_emitted": server.hub.emitted,
            "faults": [vars(fault) for fault in server.faults.pending()],
            "latency": self._latencies(),
            "webhooks": server.webhooks.figures(),
            "standouts": {d.device_id: d.standout for d in server.devices if d.standout},
        }

    def _latencies(self) -> dict[str, float]:
        return {method: latency.median for method, latency in self._server.faults.latency.items()}

    async def streams_drop(self, order: Wire) -> Wire:
        self._server.faults.refuse_streams(_number(order, "seconds", 0))
        return {"dropped": self._server.hub.drop_all()}

    async def streams_stall(self, order: Wire) -> Wire:
        """Lets every stream be silent for a while; what happens meanwhile is told afterwards."""
        self._server.faults.stall_streams(_number(order, "seconds"))
        return {}

    async def streams_garbage(self, order: Wire) -> Wire:
        """Sends frames that are no events of this server, each of another kind, to every stream."""
        frames = int(_number(order, "frames", len(_GARBAGE)))
        for number in range(frames):
            self._server.hub.offer_all(_GARBAGE[number % len(_GARBAGE)])
        return {"streams": self._server.hub.streams}

    async def streams_frames(self, order: Wire) -> Wire:
        """Sends texts exactly as given to every stream, whatever they hold."""
        frames = order.get("frames")
        if not isinstance(frames, list) or not all(isinstance(text, str) for text in frames):
            raise bad_request("frames must be a list of texts")
        for text in frames:
            self._server.hub.offer_all(text)
        return {"streams": self._server.hub.streams}

    async def latency(self, order: Wire) -> Wire:
        """The same delay for all calls, or half of them by `median` and one in a hundred by `p99`."""
        median = _number(order, "median", order.get("seconds"))
        latency = Latency(median, _number(order, "p99", median))
        self._server.faults.latency[order.get("method", ANY_METHOD)] = latency
        return {"latency": self._latencies()}

    async def fail(self, order: Wire) -> Wire:
        times, status = int(_number(order, "times", 1)), int(_number(order, "http_status", 500))
        self._server.faults.add(Fault(order.get("method", ANY_METHOD), "fail", times, status))
        return {}

    async def answer(self, order: Wire) -> Wire:
        kind = order.get("kind", "")
        if kind not in _ANSWER_KINDS:
            raise bad_request(f"kind must be one of {', '.join(_ANSWER_KINDS)}")
        times, seconds = int(_number(order, "times", 1)), _number(order, "seconds", 3600)
        self._server.faults.add(Fault(order.get("method", ANY_METHOD), kind, times, seconds=seconds))
        return {}

    async def mode(self, order: Wire) -> Wire:
        mangling = self._server.mangling
        mangling.null_for_empty = bool(order.get("null_for_empty", mangling.null_for_empty))
        mangling.shuffle_keys = bool(order.get("shuffle_keys", mangling.shuffle_keys))
        return {"null_for_empty": mangling.null_for_empty, "shuffle_keys": mangling.shuffle_keys}

    async def clock_drift(self, order: Wire) -> Wire:
        """Lets the time that the server tells be wrong by so many seconds, which may be negative."""
        seconds = order.get("seconds")
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
            raise bad_request("seconds must be a number")
        self._server.clock.drift = seconds
        return {"drift": seconds}

    async def connections_double(self, order: Wire) -> Wire:
        """Connected devices hold a second connection for a while: one of them, or all."""
        wanted, seconds = order.get("device_id"), _number(order, "seconds")
        doubled = [live.device for live in self._server.live_connections()]
        doubled = [device for device in doubled if wanted in (None, device.device_id)]
        for device in doubled:
            self._server.presence.double(device, seconds)
        return {"doubled": len(doubled)}

    async def connections_restore(self, order: Wire) -> Wire:
        """Devices that were ended for good come back."""
        for device in self._server.devices:
            self._life.let_back(device)
        return {}

    async def assume(self, order: Wire) -> Wire:
        """Answers to open questions about real servers; see assumptions.py."""
        return self._server.assumptions.change(order)

    async def webhooks_retry(self, order: Wire) -> Wire:
        """The pauses between attempts, in seconds; as many as there are further attempts."""
        pauses = order.get("seconds")
        if not isinstance(pauses, list) or not all(isinstance(p, (int, float)) and p >= 0 for p in pauses):
            raise bad_request("seconds must be a list of numbers")
        self._server.webhooks.retry_seconds = tuple(pauses)
        return {}

    async def webhooks_disturb(self, order: Wire) -> Wire:
        """A share of the posts is made twice, and each is held back by up to so many seconds."""
        webhooks = self._server.webhooks
        twice, delay = _number(order, "twice", 0), _number(order, "delay_seconds", 0)
        webhooks.twice, webhooks.delay_seconds = min(1.0, twice), delay
        return {"twice": webhooks.twice, "delay_seconds": webhooks.delay_seconds}

    async def webhooks_taken(self, order: Wire) -> Wire:
        """Which posts were answered with 200, each told once."""
        return {"taken": self._server.webhooks.forget_taken()}

    async def clear(self, order: Wire) -> Wire:
        self._server.faults.clear()
        return {}

    async def jobs_start(self, order: Wire) -> Wire:
        server = self._server
        device = server.fleet.get(order.get("username", ""), order.get("device_id", ""))
        if device is None:
            raise bad_request("No such device")
        item = device.items[0]
        job = server.jobs.started.start(
            device=device,
            item=item,
            vault=item.vaults[0],
            by_schedule=True,
            seconds=int(_number(order, "duration_seconds")) if "duration_seconds" in order else None,
        )
        self._life.announce(job)
        return {"guid": job.guid, "ends_at": job.ends_at}

    async def jobs_outcome(self, order: Wire) -> Wire:
        """How a device's next backups end that calls, or schedules of calls, start."""
        device = self._server.fleet.get(order.get("username", ""), order.get("device_id", ""))
        if device is None:
            raise bad_request("No such device")
        status, times = int(_number(order, "status")), int(_number(order, "times", 1))
        return {"waiting": self._server.jobs.started.order(device, [status] * times)}

    async def events_emit(self, order: Wire) -> Wire:
        """Fields of a StreamableEvent, or `type` for its Type."""
        event = {key: value for key, value in order.items() if key != "type"}
        event.setdefault("Type", int(_number(order, "type", 0)))
        self._server.hub.emit_raw(event)
        return event

    async def events_rate(self, order: Wire) -> Wire:
        """A steady flow of begin and end events, about recent jobs as they are now."""
        per_second, seconds = _number(order, "per_second"), _number(order, "seconds")
        jobs = self._server.jobs.recent()
        if not jobs:
            raise bad_request("There is no recent job to tell of")
        self._emit_beside(retell(self._server, jobs, per_second, seconds))
        return {"events": int(per_second * seconds)}

    async def jobs_flow(self, order: Wire) -> Wire:
        """Backups that begin at a steady rate on random devices, and end like any other."""
        per_second, seconds = _number(order, "per_second"), _number(order, "seconds")
        durations = int(_number(order, "shortest", 2)), int(_number(order, "longest", 20))
        if durations[0] > durations[1]:
            raise bad_request("shortest must not be more than longest")
        started = flow(
            self._server,
            lambda: self._life,
            per_second=per_second,
            seconds=seconds,
            durations=durations,
        )
        self._emit_beside(started)
        return {"jobs": int(per_second * seconds)}

    def _emit_beside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._emitting.add(task)
        task.add_done_callback(self._emitting.discard)

    async def roles(self, order: Wire) -> Wire:
        role = order.get("role", "")
        if role not in ROLES:
            raise bad_request(f"role must be one of {', '.join(ROLES)}")
        self._server.settings.switch_role(role, enabled=bool(order.get("enabled")))
        return {}

    async def up(self, order: Wire) -> Wire:
        """Answers once the server is up under another start hash than `after`."""
        while self._server.start_hash == order.get("after"):
            await self._server.power.until_up()
        return {"start_hash": self._server.start_hash}

    async def down(self, order: Wire) -> Wire:
        """Closes the ports, or waits until they are closed by a shutdown that is under way."""
        self._server.power.stop()
        await self._server.power.until_down()
        return {}

    async def start(self, order: Wire) -> Wire:
        """Opens the ports after a stop or a shutdown."""
        before = self._server.start_hash
        self._server.power.start()
        return await self.up({"after": before})

    async def restart(self, order: Wire) -> Wire:
        before = self._server.start_hash
        self._server.power.restart()
        return await self.up({"after": before})

    async def advance(self, order: Wire) -> Wire:
        await self._life.advance(_number(order, "seconds"))
        return {"now": self._server.clock.now()}


def make_control_app(server: Server, app: Starlette) -> Starlette:
    """The control plane of one server."""
    control = Control(server, app)
    orders = {
        "/streams/drop": control.streams_drop,
        "/streams/stall": control.streams_stall,
        "/streams/garbage": control.streams_garbage,
        "/streams/frames": control.streams_frames,
        "/latency": control.latency,
        "/fail": control.fail,
        "/answer": control.answer,
        "/clear": control.clear,
        "/jobs/start": control.jobs_start,
        "/jobs/outcome": control.jobs_outcome,
        "/jobs/flow": control.jobs_flow,
        "/events/emit": control.events_emit,
        "/events/rate": control.events_rate,
        "/clock/drift": control.clock_drift,
        "/connections/double": control.connections_double,
        "/connections/restore": control.connections_restore,
        "/mode": control.mode,
        "/roles": control.roles,
        "/webhooks/retry": control.webhooks_retry,
        "/webhooks/disturb": control.webhooks_disturb,
        "/webhooks/taken": control.webhooks_taken,
        "/assume": control.assume,
        "/up": control.up,
        "/down": control.down,
        "/start": control.start,
        "/restart": control.restart,
        "/advance": control.advance,
    }
    routes = [Route(path, _endpoint(order), methods=["POST"]) for path, order in orders.items()]
    return Starlette(routes=[*routes, Route("/state", _endpoint(control.state), methods=["GET"])])


def _endpoint(order: Callable[[Wire], Awaitable[Wire]]) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        try:
            body = await request.body()
            given = msgspec.json.decode(body) if body else {}
            if not isinstance(given, dict):
                raise bad_request("expected a JSON object")
            return JSONResponse(await order(given))
        except msgspec.DecodeError:
            return JSONResponse({"error": "the body is not valid JSON"}, status_code=400)
        except Refusal as refusal:
            return JSONResponse({"error": refusal.message}, status_code=400)

    return serve


def _number(order: Wire, name: str, default: float | None = None) -> float:
    value = order.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        raise bad_request(f"{name} must be a number of 0 or more")
    return value
