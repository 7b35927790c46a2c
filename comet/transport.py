"""One Comet Server over HTTP: pooled connections, budgets, and what went wrong as our errors."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final, NoReturn
from urllib.parse import SplitResult, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, NameResolutionError
from urllib3.poolmanager import PoolManager

from comet import errors
from comet.answers import Answer
from comet.calls import Call, signed
from comet.dial import AddressGuard, GuardRefused, budget, pool_manager, tls_context
from comet.download import Download

_CHUNK_BYTES = 256 * 1024
_HEADERS = {"Accept-Encoding": "gzip", "Accept-Language": "en", "User-Agent": "comet-python"}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may cost.

    `timeout` is the whole call in seconds; `connect_timeout` and `read_timeout` are one connection
    attempt and one silence of the server. `max_body_bytes` counts after decompression.
    """

    timeout: float = 60.0
    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    max_body_bytes: int = 256 * 1024 * 1024


def parse_address(url: str) -> SplitResult:
    """The parts of a server's address.

    Raises:
        BadAddress: not http or https, no host, or with a user name, query or fragment in it.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise errors.BadAddress("The address cannot be read: check its host and port") from error
    if parts.scheme not in ("http", "https"):
        raise errors.BadAddress("The address must start with http:// or https://")
    if not parts.hostname or port == 0:
        raise errors.BadAddress("The address names no host")
    if parts.username or parts.password:
        raise errors.BadAddress("The address must not hold a user name or password")
    if parts.query or parts.fragment:
        raise errors.BadAddress("The address must end before ? and #")
    return parts


def check_proxy(proxy: str) -> str:
    """The address of a proxy, such as `http://name:password@proxy.example:3128`.

    Raises:
        BadAddress: not http or https, or no host.
    """
    parts = urlsplit(proxy)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise errors.BadAddress("The proxy's address must start with http:// or https:// and name a host")
    return proxy


UNREACHED: Final = (requests.RequestException, HTTPError, GuardRefused, OSError)
"""What sending raises where nothing, or not everything, was answered."""


class Transport:
    """Sends requests to one server. Safe to use from several threads."""

    def __init__(
        self,
        url: str,
        *,
        host: str | None = None,
        address_guard: AddressGuard | None = None,
        ca_file: str | None = None,
        proxy: str | None = None,
        pool_size: int = 10,
    ) -> None:
        if proxy is not None and address_guard is not None:
            raise ValueError("an address guard cannot see where a proxy connects to: give one of the two")
        parts = parse_address(url)
        self.base = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self._scheme = parts.scheme
        self._host = host
        self._guard = address_guard
        self._context = tls_context(ca_file) if parts.scheme == "https" else None
        self._proxy = None if proxy is None else check_proxy(proxy)
        self._pool_size = pool_size
        self._lock = threading.Lock()
        self._session: requests.Session | None = None

    def send(
        self, call: Call, signature: Mapping[str, str], limits: Limits, target: Download | None = None
    ) -> Answer:
        """One request and its whole answer, whatever its HTTP status.

        With a `target`, a good answer goes there while it arrives and the body stays empty.

        Raises:
            ConnectionFailed: one of its kinds, when there is no whole answer.
            BodyTooLarge: the answer is longer than allowed.
        """
        pauses = (min(limits.connect_timeout, limits.timeout), min(limits.read_timeout, limits.timeout))
        form: Mapping[str, str] | None = None
        headers: Mapping[str, str] | None = None
        if call.files is not None:
            headers = {f"X-Comet-Admin-{name}": value for name, value in signature.items()}
        elif call.http_method == "POST":
            form = signed(call, signature)
        try:
            with budget(limits.timeout):
                response = self._opened().request(
                    call.http_method,
                    self.base + call.path,
                    data=form,
                    files=call.files,
                    headers=headers,
                    timeout=pauses,
                    allow_redirects=False,
                    stream=True,
                )
                with contextlib.closing(response):
                    body = self._read(call.method, response, limits.max_body_bytes, target)
        except UNREACHED as problem:
            kind, message = explain(problem)
            raise kind(message, server=self.base, method=call.method) from problem
        sent = form or signature
        return Answer(self.base, call.method, response.status_code, response.headers, body, sent)

    def close(self) -> None:
        """Ends all pooled connections, and forgets the pool: the next request makes it anew."""
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            session.close()

    def _opened(self) -> requests.Session:
        with self._lock:
            if self._session is None:
                self._session = self._new_session()
            return self._session

    def _new_session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.headers.clear()
        session.headers.update(_HEADERS | ({"Host": self._host} if self._host else {}))
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        session.proxies = {self._scheme: self._proxy} if self._proxy is not None else {}
        session.adapters.clear()
        session.mount(f"{self._scheme}://", _Adapter(self._guard, self._context, self._pool_size))
        return session

    def _read(
        self, method: str, response: requests.Response, limit: int, target: Download | None
    ) -> bytearray:
        declared = response.headers.get("Content-Length", "")
        length = int(declared) if declared.isdigit() else None
        if length is not None and length > limit:
            self._refuse_body(method, response, limit)
        if not 200 <= response.status_code < 300 or "text/html" in response.headers.get("Content-Type", ""):
            target = None
        if target is not None:
            target.expect(None if "Content-Encoding" in response.headers else length)
        body, received = bytearray(), 0
        for chunk in response.raw.stream(_CHUNK_BYTES, decode_content=True):
            received += len(chunk)
            if received > limit:
                self._refuse_body(method, response, limit)
            if target is None:
                body += chunk
            else:
                target.take(chunk)
        return body

    def _refuse_body(self, method: str, response: requests.Response, limit: int) -> NoReturn:
        raise errors.BodyTooLarge(
            f"answered more than the {limit} bytes allowed",
            server=self.base,
            method=method,
            http_status=response.status_code,
        )


def guarded_session(address_guard: AddressGuard | None, ca_file: str | None) -> requests.Session:
    """A plain session for whatever is no Comet Server, connecting as a client does: to allowed addresses.

    Nothing is taken from the environment. The caller follows no redirects, and closes it.
    """
    session = requests.Session()
    session.trust_env = False
    session.adapters.clear()
    session.mount("http://", _Adapter(address_guard, None, 1))
    session.mount("https://", _Adapter(address_guard, tls_context(ca_file), 1))
    return session


class _Adapter(HTTPAdapter):
    """requests' adapter on our own connection pools."""

    def __init__(self, guard: AddressGuard | None, context: ssl.SSLContext | None, size: int) -> None:
        self._guard = guard
        self._context = context
        super().__init__(pool_connections=1, pool_maxsize=size, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **_: Any) -> None:
        self.poolmanager = pool_manager(self._guard, self._context, maxsize)
        self._size = maxsize

    def proxy_manager_for(self, proxy: str, **_: Any) -> PoolManager:
        manager: PoolManager | None = self.proxy_manager.get(proxy)
        if manager is None:
            manager = pool_manager(
                None, self._context, self._size, proxy=proxy, proxy_headers=self.proxy_headers(proxy)
            )
            self.proxy_manager[proxy] = manager
        return manager

    def cert_verify(self, *_: Any) -> None:
        """Nothing to set: the TLS context already holds the trusted certificates and checks them."""


def explain(problem: Exception) -> tuple[type[errors.ConnectionFailed], str]:
    """Our kind of error for one of the layers below, and a sentence for people."""
    causes = list(causes_of(problem))

    def seen(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    if seen(GuardRefused):
        return errors.AddressRefused, "the address is not allowed"
    if seen(NameResolutionError, socket.gaierror, UnicodeError):
        return errors.NameNotFound, "the name was not found"
    if seen(ConnectionRefusedError):
        return errors.ConnectionRefused, "the connection was refused: nobody listens on this port"
    if seen(ssl.SSLError, ssl.CertificateError, urllib3.exceptions.SSLError):
        return errors.TLSError, f"TLS failed: {_tls_reason(causes)}"
    if seen(TimeoutError, urllib3.exceptions.TimeoutError, requests.Timeout):
        return errors.Timeout, "no complete answer within the time allowed"
    if seen(urllib3.exceptions.DecodeError):
        return errors.ConnectionFailed, "the answer could not be decompressed"
    return errors.ConnectionFailed, "the connection broke before the answer was complete"


def causes_of(problem: BaseException) -> Iterator[BaseException]:
    """The error and all that led to it, each once."""
    waiting, met = [problem], set()
    while waiting:
        current = waiting.pop()
        if id(current) in met:
            continue
        met.add(id(current))
        yield current
        linked = [current.__cause__, current.__context__, getattr(current, "reason", None), *current.args]
        waiting.extend(cause for cause in linked if isinstance(cause, BaseException))


def _tls_reason(causes: list[BaseException]) -> str:
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause.verify_message
    for cause in causes:
        if isinstance(cause, ssl.SSLError) and cause.reason:
            return cause.reason.replace("_", " ").lower()
    return "no common encryption"
