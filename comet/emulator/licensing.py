"""The stand-in for the vendor's account service: licences, reports, downloads, hosted servers.

A state of its own, kept in the same journal. A hosted server comes up a while after it was asked for.
"""

import hmac
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from comet.emulator import sheets
from comet.emulator.draw import Draw
from comet.emulator.population import DAY
from comet.emulator.server import Server

Wire = dict[str, Any]
Form = dict[str, str]
HOSTED_AFTER_SECONDS = 120  # virtual
_LARGEST_FORM = 1 << 20
_PLATFORMS = (
    "download_windows", "download_linux_deb", "download_linux_rpm", "download_linux_tar",
    "download_linux_arm64_deb", "download_linux_arm64_rpm", "download_linux_arm64_tar",
)  # fmt: skip
_VERSIONS = ("25.9.8", "25.9.6", "25.6.8", "24.12.5")
_MONTHS = 12


class Failed(Exception):
    """A call that is refused with this HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Licensing:
    """One coroutine-free method per path; each takes the form and returns a response."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._journal = server.journal

    def create(self, form: Form) -> Response:
        serial = uuid.uuid4().hex[:20].upper()
        self._put("licence", serial, {"name": form.get("target_name", ""), "created": self._now()})
        return _text(serial)

    def relax(self, form: Form) -> Response:
        serial, licence = self._licence(form)
        self._put("licence", serial, {**licence, "relaxed": self._now()})
        return _text("OK")

    def archive(self, form: Form) -> Response:
        serial, licence = self._licence(form)
        self._put("licence", serial, {**licence, "archived": True})
        return _text("OK")

    def list_all(self, form: Form) -> Response:
        return _json([self._shown(serial, licence) for serial, licence in self._licences().items()])

    def active_services(self, form: Form) -> Response:
        rows: list[Wire] = []
        for serial, licence in self._licences().items():
            if licence.get("archived"):
                continue
            draw = Draw("services", serial)
            own = serial == self._own_serial()
            devices = self._server.profiles.device_count() if own else draw.between(1, 80)
            rows.append({"serial": serial, "server_name": licence["name"], "devices": devices, "boosters": 0})
        return _report(form, rows)

    def billing_history(self, form: Form) -> Response:
        rows: list[Wire] = []
        for ago in range(_MONTHS):
            day = self._now() - ago * 30 * DAY
            amount = Draw("billing", self._server.options.seed, day // DAY).between(4000, 90_000) / 100
            rows.append(
                {"date": _date(day)[:10], "description": "Active services", "amount": f"{amount:.2f}"}
            )
        return _report(form, rows)

    def downloads(self, form: Form) -> Response:
        rows: list[Wire] = [
            {"version_key": f"v{v}", "Name": f"Server {v}", "Version": v, "Download": f"server-{v}"}
            for v in _VERSIONS
        ]
        return _report(form, rows, default="json")

    def download(self, form: Form) -> Response:
        keys = {"latest", "latest-quarterly", *(f"v{version}" for version in _VERSIONS)}
        if form.get("version_key") not in keys or form.get("platform") not in _PLATFORMS:
            raise Failed(500, "No such download")
        name = f"{form['platform']}-{form['version_key']}.bin"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(
            f"installer {name}\n".encode(), media_type="application/octet-stream", headers=headers
        )

    def hosted_create(self, form: Form) -> Response:
        for name in ("region", "subdomain", "server_name"):
            if not form.get(name):
                raise Failed(500, f"{name} is missing")
        guid = str(int(self._journal.get("hosted-count", "") or 1000) + 1)
        self._put("hosted-count", "", guid)
        server = {name: form[name] for name in ("region", "subdomain", "server_name")}
        self._put(
            "hosted", guid, {**server, "password": uuid.uuid4().hex, "created": self._now(), "deleted": 0}
        )
        return _json({"status": "OK"}, 201)

    def hosted_list(self, form: Form) -> Response:
        offset, limit = _count(form, "offset", 0), _count(form, "limit", 100)
        shown = [self._hosted_shown(guid) for guid in self._journal.all("hosted")]
        return _json({"status": "OK", "data": shown[offset : offset + limit]})

    def hosted_status(self, form: Form) -> Response:
        return _json({"status": "OK", "data": self._hosted_shown(self._hosted(form))})

    def hosted_terminate(self, form: Form) -> Response:
        guid = self._hosted(form)
        self._put("hosted", guid, {**self._journal.get("hosted", guid), "deleted": self._now()})
        return _json({"status": "OK"}, 202)

    def check(self, form: Form) -> None:
        """Raises Failed unless the form carries the account's password or one of its tokens."""
        email, password, token = self._server.options.account
        kind = form.get("authType", "password")
        if kind == "password":
            given, wanted = f"{form.get('email')}\0{form.get('password')}", f"{email}\0{password}"
        elif kind in ("apiToken", "authToken"):
            given, wanted = form.get("apiToken") or form.get("authToken", ""), token
        else:
            raise Failed(400, "Unknown authType")
        if not hmac.compare_digest(given.encode(), wanted.encode()):
            raise Failed(403, "The credentials were rejected")

    def _licences(self) -> dict[str, Wire]:
        own = {"name": "This server", "created": self._server.started_at - 400 * DAY}
        return {self._own_serial(): own, **self._journal.all("licence")}

    def _own_serial(self) -> str:
        return str(self._server.settings["License"]["SerialNumber"])

    def _licence(self, form: Form) -> tuple[str, Wire]:
        serial = form.get("serial", "")
        if serial not in self._licences():
            raise Failed(400, "Unknown serial")
        return serial, self._licences()[serial]

    def _shown(self, serial: str, licence: Wire) -> Wire:
        return {
            "serial": serial,
            "name": licence["name"],
            "created": _date(licence["created"]),
            "relaxed": _date(licence["relaxed"]) if licence.get("relaxed") else "",
            "archived": bool(licence.get("archived")),
        }

    def _hosted(self, form: Form) -> str:
        guid = form.get("hosted_server_id", "")
        if self._journal.get("hosted", guid) is None:
            raise Failed(500, "Unknown server")
        return guid

    def _hosted_shown(self, guid: str) -> Wire:
        held = self._journal.get("hosted", guid)
        is_up = self._now() >= held["created"] + HOSTED_AFTER_SECONDS
        state = "terminated" if held["deleted"] else "running" if is_up else "pending"
        return {
            "hosted_server_id": guid,
            "server_name": held["server_name"],
            "region_name": held["region"],
            "user_dns": f"{held['subdomain']}.hosted.example",
            "aws_status": state,
            "install_status": "2" if is_up else "1",
            "admin_username": "admin" if is_up else "",
            "admin_password": held["password"] if is_up else "",
            "created_at": _date(held["created"]),
            "date_deleted": _date(held["deleted"]) if held["deleted"] else "",
        }

    def _put(self, kind: str, key: str, value: Any) -> None:
        self._journal.put(kind, key, value)

    def _now(self) -> int:
        return self._server.clock.seconds()


def make_account_app(server: Server) -> Starlette:
    """The stand-in as an ASGI application."""
    own = Licensing(server)
    orders: dict[str, tuple[Callable[[Form], Response], bool]] = {
        "/api/v1/license/create": (own.create, False),
        "/api/v1/create_license": (own.create, False),
        "/api/v1/license/relax": (own.relax, False),
        "/api/v1/relax_license": (own.relax, False),
        "/api/v1/license/archive": (own.archive, False),
        "/api/v1/archive_license": (own.archive, False),
        "/api/v1/license/list_all": (own.list_all, False),
        "/api/v1/report/active_services": (own.active_services, False),
        "/api/v1/report/billing_history": (own.billing_history, False),
        "/api/v1/downloads/list": (own.downloads, False),
        "/api/v1/downloads/get": (own.download, False),
        "/api/v1/cometgo": (own.hosted_create, True),
        "/api/v1/cometgo/list": (own.hosted_list, True),
        "/api/v1/cometgo/status": (own.hosted_status, True),
        "/api/v1/cometgo/terminate": (own.hosted_terminate, True),
    }

    async def latest_version(request: Request) -> Response:
        return _json(
            {
                "latest_stable": _VERSIONS[0],
                "latest_prerelease": "25.12.0",
                "downloads_url": str(request.base_url) + "downloads",
                "updates_info": ["Shared storage quotas"],
            }
        )

    routes = [Route(path, _endpoint(own, *order), methods=["POST"]) for path, order in orders.items()]
    return Starlette(routes=[*routes, Route("/latestversion", latest_version, methods=["GET"])])


def _endpoint(
    own: Licensing, order: Callable[[Form], Response], hosted: bool
) -> Callable[[Request], Awaitable[Response]]:
    """Hosted servers answer errors as JSON, everything else as plain text."""

    async def serve(request: Request) -> Response:
        try:
            body = await request.body()
            if len(body) > _LARGEST_FORM:
                raise Failed(400, "The form is too large")
            form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
            own.check(form)
            return order(form)
        except Failed as failed:
            if hosted:
                return _json({"status": "error"}, failed.status)
            return Response(failed.message, failed.status, media_type="text/plain")

    return serve


def _report(form: Form, rows: list[Wire], default: str = "") -> Response:
    kind = form.get("format", default)
    if kind == "json":
        return _json(rows)
    if kind == "csv":
        return Response(sheets.csv_of(rows), media_type="text/csv")
    if kind == "xlsx":
        return Response(sheets.xlsx_of(rows), media_type=sheets.XLSX)
    raise Failed(400, "format must be csv, json or xlsx")


def _count(form: Form, name: str, default: int) -> int:
    text = form.get(name) or str(default)
    if not text.isascii() or not text.isdigit():
        raise Failed(500, f"{name} is not a number")
    return int(text)


def _date(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _text(text: str) -> Response:
    return Response(text, media_type="text/plain")


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
