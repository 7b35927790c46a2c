"""The service at account.cometbackup.com: serial numbers, reports, downloads, hosted servers.

    with AccountClient(AccountToken("W2...")) as account:
        serial = account.license_create(target_name="Acme")

It is not a Comet Server and answers differently: errors are plain text, or JSON with a `status` in lower
case. They are raised as the same classes as a Comet Server's.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Literal, NoReturn, Self, TypeVar
from urllib.parse import unquote

import msgspec

from comet import errors
from comet.answers import UNREADABLE, Answer, check_redirect
from comet.calls import Call, form_of
from comet.dial import AddressGuard
from comet.download import Download, FileFailed, Progress, Writable
from comet.structure import Structure
from comet.transport import Limits, Transport
from comet.types import SoftwareUpdateNewsResponse

T = TypeVar("T")
URL = "https://account.cometbackup.com"
Report = Literal["json", "csv", "xlsx"]
_PAGE = 100  # hosted servers in one answer, the service's own default


class TokenSpelling(StrEnum):
    """How a token is sent: the service's pages use both, and the example among them the first."""

    API_TOKEN = "apiToken"  # noqa: S105 - the name of a field
    AUTH_TOKEN = "authToken"  # noqa: S105


@dataclass(frozen=True, slots=True)
class AccountPassword:
    """Sign-in by email address and password."""

    email: str
    password: str = field(repr=False)

    def form(self) -> dict[str, str]:
        return {"authType": "password", "email": self.email, "password": self.password}


@dataclass(frozen=True, slots=True)
class AccountToken:
    """Sign-in by a token that was made on the account's page."""

    token: str = field(repr=False)
    spelling: TokenSpelling = TokenSpelling.API_TOKEN

    def form(self) -> dict[str, str]:
        return {"authType": self.spelling.value, self.spelling.value: self.token}


class ServerDownload(Structure, kw_only=True, gc=False, omit_defaults=True):
    """One version of Comet Server that can be downloaded."""

    version_key: str = ""
    name: str = msgspec.field(default="", name="Name")
    version: str = msgspec.field(default="", name="Version")
    download: str = msgspec.field(default="", name="Download")


class HostedServer(Structure, kw_only=True, gc=False, omit_defaults=True):
    """A Comet Server that the vendor hosts. Times are text, `2020-04-20 15:02:10`; statuses are free text."""

    SECRETS: ClassVar[frozenset[str]] = frozenset(["admin_password"])

    hosted_server_id: str = ""
    server_name: str = ""
    region_name: str = ""
    user_dns: str = ""
    aws_status: str = ""
    install_status: str = ""
    created_at: str | None = None
    date_deleted: str | None = None
    admin_username: str = ""
    admin_password: str = ""


class _One(msgspec.Struct):
    data: HostedServer


class _Many(msgspec.Struct):
    data: list[HostedServer] | None = None


class AccountClient:
    """Every call of the account service, for one account. Safe to use from several threads.

    `timeout` is the whole call in seconds; the other arguments are as in `CometClient`.

    Raises, in every call:
        Forbidden: the credential was refused (403).
        APIError: a parameter is missing or wrong (400), or `status` says "error".
        ServerError: the service failed (500 and above).
        NotComet: something else answered.
        ConnectionFailed: one of its kinds; nothing was answered.
    """

    def __init__(
        self,
        credential: AccountPassword | AccountToken,
        *,
        url: str = URL,
        timeout: float = 60.0,
        connect_timeout: float = 5.0,
        read_timeout: float = 60.0,
        max_body_bytes: int = 1024 * 1024 * 1024,
        address_guard: AddressGuard | None = None,
        ca_file: str | None = None,
        proxy: str | None = None,
    ) -> None:
        self._transport = Transport(url, address_guard=address_guard, ca_file=ca_file, proxy=proxy)
        self._credential = credential
        self._limits = Limits(timeout, connect_timeout, read_timeout, max_body_bytes)

    def __repr__(self) -> str:
        return f"AccountClient({self._transport.base!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends all connections."""
        self._transport.close()

    def license_create(self, *, target_name: str | None = None) -> str:
        """A new serial number."""
        return self._post("LicenseCreate", "license/create", _text, target_name=target_name).strip()

    def license_relax(self, *, serial: str) -> None:
        """Lets a serial number be used on another machine."""
        self._post("LicenseRelax", "license/relax", _text, serial=serial)

    def license_archive(self, *, serial: str) -> None:
        """Takes a serial number out of use."""
        self._post("LicenseArchive", "license/archive", _text, serial=serial)

    def license_list_all(self) -> list[dict[str, Any]]:
        """All serial numbers; what is known of each is not documented."""
        return self._post("LicenseListAll", "license/list_all", _json(list[dict[str, Any]]))

    def report_active_services(self, *, format: Report = "json") -> Any:
        """What is in use now: decoded for `json`, else the file's bytes."""
        return self._report("ReportActiveServices", "report/active_services", format)

    def report_billing_history(self, *, format: Report = "json") -> Any:
        """What was charged: decoded for `json`, else the file's bytes."""
        return self._report("ReportBillingHistory", "report/billing_history", format)

    def downloads_list(self) -> list[ServerDownload]:
        """The versions of Comet Server, newest first."""
        return self._post("DownloadsList", "downloads/list", _json(list[ServerDownload]), format="json")

    def downloads_list_file(self, *, format: Literal["csv", "xlsx"]) -> bytes:
        """As `downloads_list`, as a file."""
        return self._post("DownloadsList", "downloads/list", _bytes, format=format)

    def downloads_get(
        self, file: Writable, *, version_key: str, platform: str, progress: Progress | None = None
    ) -> str:
        """Writes an installer to `file` while it arrives; gives the file name the service suggests.

        `version_key` is one of `downloads_list`, or `latest`, or `latest-quarterly`; `platform` such as
        `download_windows` or `download_linux_deb`. The name holds no folders; it may be empty.
        """
        target = Download(file, progress)

        def finish(answer: Answer) -> str:
            target.finish(answer, _check)
            return _file_name(answer.headers.get("Content-Disposition", ""))

        try:
            form = {"version_key": version_key, "platform": platform}
            return self._send("DownloadsGet", "/api/v1/downloads/get", finish, form, target=target)
        except FileFailed as failed:
            raise failed.__cause__ or failed from None

    def cometgo_create(self, *, region: str, subdomain: str, server_name: str) -> None:
        """Orders a hosted server in a `region` such as `eu-west-1`; see `wait_for_hosted_server`."""
        self._post(
            "CometGoCreate", "cometgo", _ok, region=region, subdomain=subdomain, server_name=server_name
        )

    def cometgo_status(self, *, hosted_server_id: str) -> HostedServer:
        """One hosted server; holds the password of its administrator."""
        return self._post(
            "CometGoStatus", "cometgo/status", _json(_One), hosted_server_id=hosted_server_id
        ).data

    def cometgo_list(self, *, offset: int = 0, limit: int = _PAGE) -> list[HostedServer]:
        """One page of the hosted servers."""
        return self._post("CometGoList", "cometgo/list", _json(_Many), offset=offset, limit=limit).data or []

    def cometgo_terminate(self, *, hosted_server_id: str) -> None:
        """Ends a hosted server and all it holds, a while later: see `wait_for_hosted_server`."""
        self._post("CometGoTerminate", "cometgo/terminate", _ok, hosted_server_id=hosted_server_id)

    def latest_version(self) -> SoftwareUpdateNewsResponse:
        """The newest versions of Comet Server. Sends no credential."""
        reader = _json(SoftwareUpdateNewsResponse)
        return self._send("LatestVersion", "/latestversion", reader, {}, http_method="GET")

    def hosted_servers(self) -> Iterator[HostedServer]:
        """All hosted servers, page by page."""
        offset = 0
        while page := self.cometgo_list(offset=offset):
            yield from page
            offset += len(page)
            if len(page) < _PAGE:
                return

    def wait_for_hosted_server(
        self,
        wanted: Callable[[HostedServer], bool],
        *,
        timeout_seconds: float = 1800.0,
        pause_seconds: float = 15.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> HostedServer:
        """Lists the hosted servers until `wanted` says yes to one; gives that one.

        Creating and terminating take minutes, and creating does not tell the new server's id:
        `wanted` looks for the address and the status, which is free text.

        Raises:
            Timeout: none came in time.
        """
        until = time.monotonic() + timeout_seconds
        while True:
            for server in self.hosted_servers():
                if wanted(server):
                    return server
            if time.monotonic() + pause_seconds > until:
                message = f"no hosted server became as wanted within {timeout_seconds:g} seconds"
                raise errors.Timeout(message, server=self._transport.base, method="CometGoList")
            sleep(pause_seconds)

    def _report(self, method: str, path: str, format: Report) -> Any:
        return self._post(method, path, _json(object) if format == "json" else _bytes, format=format)

    def _post(self, method: str, path: str, read: Callable[[Answer], T], **params: object) -> T:
        return self._send(method, f"/api/v1/{path}", read, form_of(params))

    def _send(
        self,
        method: str,
        path: str,
        read: Callable[[Answer], T],
        form: dict[str, str],
        *,
        http_method: str = "POST",
        target: Download | None = None,
    ) -> T:
        signature = self._credential.form() if http_method == "POST" else {}
        call = Call(method, path, form, http_method)
        return read(self._transport.send(call, signature, self._limits, target))


def _check(answer: Answer) -> None:
    """Raises what an answer says went wrong; the service puts its reasons in plain text."""
    check_redirect(answer)
    status = answer.http_status
    if status < 300:
        if answer.is_page():
            answer.fail(errors.NotComet, "answered with a web page")
        if _says_error(answer):
            answer.fail(errors.APIError, "answered with the status error and no reason")
        return
    plain = answer.content_type() in ("text/plain", "")
    message = answer.body[:500].decode("utf-8", "replace").strip() if plain else ""
    message = message or "refused without a reason"
    if status >= 500:
        answer.fail(errors.ServerError, message)
    if status in (401, 403):
        answer.fail(errors.Forbidden, message)
    if status == 429:
        answer.fail(errors.RateLimited, message)
    if status == 404:
        answer.fail(errors.NotComet, "is not the account service, or the address holds a wrong path")
    answer.fail(errors.APIError, message)


def _text(answer: Answer) -> str:
    return _bytes(answer).decode("utf-8", "replace")


def _bytes(answer: Answer) -> bytes:
    _check(answer)
    return bytes(answer.body)


def _json(kind: type[T]) -> Callable[[Answer], T]:
    """Reads JSON of that kind, and `status` before it."""

    def read(answer: Answer) -> T:
        _ok(answer)
        try:
            return msgspec.json.decode(answer.body, type=kind)
        except UNREADABLE as problem:
            _fail_unreadable(answer, problem)

    return read


class _Status(msgspec.Struct):
    status: str = ""


def _says_error(answer: Answer) -> bool:
    if not answer.body[:64].lstrip().startswith(b"{"):
        return False
    try:
        return msgspec.json.decode(answer.body, type=_Status).status.lower() == "error"
    except UNREADABLE:
        return False


def _ok(answer: Answer) -> None:
    """Raises unless the answer is JSON, or nothing, and does not say "error"."""
    _check(answer)
    try:
        if answer.body.strip():
            msgspec.json.decode(answer.body, type=msgspec.Raw)
    except UNREADABLE as problem:
        _fail_unreadable(answer, problem)


def _fail_unreadable(answer: Answer, problem: Exception) -> NoReturn:
    kind = errors.NotComet if isinstance(problem, msgspec.ValidationError) else errors.NotJSON
    raise answer.error(kind, "answered something that is not what the service documents") from problem


def _file_name(disposition: str) -> str:
    """The file name in a Content-Disposition header, without folders."""
    for part in disposition.split(";")[1:]:
        name, _, value = part.strip().partition("=")
        if name.lower() in ("filename", "filename*"):
            value = unquote(value.rpartition("''")[2] if name.endswith("*") else value.strip('"'))
            return value.replace("\\", "/").rpartition("/")[2].lstrip(".")
    return ""
