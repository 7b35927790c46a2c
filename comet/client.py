"""One Comet Server and one credential."""

import copy
import functools
import time
from collections.abc import Callable, Iterator
from typing import Any, Self, TypeVar

from comet import errors
from comet.answers import Answer, read_bytes, read_json
from comet.api import Methods
from comet.auth import Credential, SessionKey, SignIn, is_user_path
from comet.bulk import RawElement, split_elements
from comet.calls import Call, form_of, parameters
from comet.dial import AddressGuard, budget
from comet.download import Download, FileFailed, Progress, Writable
from comet.spec.model import methods_by_name
from comet.spec.safe import is_safe
from comet.transport import Limits, Transport
from comet.types import CometAPIResponseMessage, SessionKeyRegeneratedResponse

T = TypeVar("T")
OnCall = Callable[[str, float, str, int], None]
"""Called after each call: method, duration in seconds, `ok` or the error's class name, bytes received."""

_ADMIN_SESSION_START = "/api/v1/admin/account/session-start"
_ADMIN_SESSION_REVOKE = "/api/v1/admin/account/session-revoke"
_USER_SESSION_START = "/api/v1/user/web/session/start"
_USER_SESSION_REVOKE = "/api/v1/user/web/session/revoke"

# A connection that broke or was refused may work a moment later; what ran out of time, has no address or
# the wrong certificate will not.
_WORTH_REPEATING = (errors.ConnectionFailed, errors.ConnectionRefused)


class CometClient(Methods):
    """Every method of the Comet Server API, for one server and one credential.

    Safe to use from several threads; connections are pooled and kept alive until `close`.

    `host` is sent as Host header, for the host name of an organization. `use_session` starts a session
    with a Password and makes all calls with its key, which is renewed once when the server refuses it.
    `address_guard` is called with each address a name resolves to, before connecting, and raises to
    forbid it. `proxy` is an `http://` or `https://` address that all connections go through; without it
    none is used, whatever the environment says.

    `timeout` is the whole call in seconds, sign-in and repetition included, `connect_timeout` one
    connection attempt, `read_timeout` one silence. What only reads from the server is sent once more when
    the connection breaks.

        with CometClient("https://backup.example.com", Password("admin", secret)) as client:
            version = client.admin_meta_version()
    """

    def __init__(
        self,
        url: str,
        credential: Credential | None = None,
        *,
        timeout: float = 60.0,
        host: str | None = None,
        connect_timeout: float = 5.0,
        read_timeout: float = 30.0,
        max_body_bytes: int = 256 * 1024 * 1024,
        use_session: bool = False,
        on_call: OnCall | None = None,
        address_guard: AddressGuard | None = None,
        ca_file: str | None = None,
        proxy: str | None = None,
        pool_size: int = 10,
    ) -> None:
        self._transport = Transport(
            url, host=host, address_guard=address_guard, ca_file=ca_file, proxy=proxy, pool_size=pool_size
        )
        self.url = self._transport.base
        self.host = host
        self._limits = Limits(timeout, connect_timeout, read_timeout, max_body_bytes)
        self._on_call = on_call
        self._sign_in = SignIn(credential, use_session=use_session, start=self._start_session)

    def __repr__(self) -> str:
        return f"CometClient({self.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends all connections. A session key stays valid until it runs out or `end_session` is called."""
        self._transport.close()

    def with_limits(
        self,
        *,
        timeout: float | None = None,
        connect_timeout: float | None = None,
        read_timeout: float | None = None,
        max_body_bytes: int | None = None,
    ) -> Self:
        """The same client, connections and session included, with other limits for its calls.

        What is not given stays as it is. Times are seconds.
        """
        usual = self._limits
        other = copy.copy(self)
        other._limits = Limits(
            usual.timeout if timeout is None else timeout,
            usual.connect_timeout if connect_timeout is None else connect_timeout,
            usual.read_timeout if read_timeout is None else read_timeout,
            usual.max_body_bytes if max_body_bytes is None else max_body_bytes,
        )
        return other

    def start_session(self) -> SessionKey:
        """The client's session key; one is started first if there is none yet."""
        return self._sign_in.session(_ADMIN_SESSION_START)

    def end_session(self) -> None:
        """Gives the client's session key back. Does nothing if there is none."""
        session = self._sign_in.held()
        if session is None:
            return
        if self._sign_in.as_user:
            method, path = "UserWebSessionRevoke", _USER_SESSION_REVOKE
        else:
            method, path = "AdminAccountSessionRevoke", _ADMIN_SESSION_REVOKE
        self._one_exchange(Call(method, path, {}), _read_message, session)
        self._sign_in.forget()

    def call(self, method: str, /, *, path: str | None = None, **params: object) -> Any:
        """Any method by Comet's own name, with Comet's own parameter names; the plain answer.

        JSON comes as dicts and lists, installers and logs as bytes. `path` is needed only for methods
        this package does not know, and makes a known one take parameters it does not know. Numbers and
        truth values may be given as such; structures are sent as JSON.

        Raises:
            ValueError: the method is unknown and no path was given.
            BadParameter: the method takes no such parameter, or not of this type.
            CometError: as in every other call.
        """
        known = methods_by_name().get(method)
        is_json = known is None or known.returns.kind == "json"
        return self._exchange(self._plain_call(method, path, params), _read_plain if is_json else read_bytes)

    def download(
        self,
        method: str,
        file: Writable,
        /,
        *,
        progress: Progress | None = None,
        path: str | None = None,
        **params: object,
    ) -> int:
        """As `call`, with the answer written to `file` while it arrives; gives its length in bytes.

        `file` is anything with `write`; when the call fails midway, it holds what had arrived. `progress`
        is called after each piece. `timeout` and `max_body_bytes` hold here too, see `with_limits`.
        """
        target = Download(file, progress)
        try:
            return self._exchange(self._plain_call(method, path, params), target.finish, target)
        except FileFailed as failed:
            raise failed.__cause__ or failed from None

    def call_elements(self, method: str, /, **params: object) -> Iterator[RawElement]:
        """The elements of a method's JSON list or map, not decoded, each with its SHA-256 digest.

        The elements are views into the one body: copy what is kept.
        """
        return self._exchange(self._plain_call(method, None, params), split_elements)

    def _plain_call(self, method: str, path: str | None, params: dict[str, object]) -> Call:
        known = methods_by_name().get(method)
        if known is None:
            if path is None:
                raise ValueError(f"{method} is not a known method; give its path")
            return Call(method, path, form_of(params))
        files = {
            param.name: params.pop(param.name)
            for param in known.params
            if param.encoding == "file" and param.name in params
        }
        declared = parameters(type(self), method)
        return Call(
            method,
            path or known.path,
            form_of(params) if path or files else declared.form(params),
            known.http_method,
            known.auth != "none",
            is_safe(method),
            declared.files(files) if files else None,
        )

    def admin_list_users_full_raw(self) -> Iterator[RawElement]:
        """As `admin_list_users_full`: the user name and the raw profile of each user."""
        return self.call_elements("AdminListUsersFull")

    def admin_get_jobs_for_date_range_raw(self, start: int, end: int) -> Iterator[RawElement]:
        """As `admin_get_jobs_for_date_range` (Unix seconds): the raw Jobs, keys are their positions."""
        return self.call_elements("AdminGetJobsForDateRange", Start=start, End=end)

    def _exchange(self, call: Call, read: Callable[[Answer], T], target: Download | None = None) -> T:
        with budget(self._limits.timeout):  # sign-in, renewal and repetition included
            if not call.signed_in:
                return self._sent(call, read, None, target)
            credential = self._sign_in.current(call.path)
            try:
                return self._sent(call, read, credential, target)
            except errors.Forbidden:
                renewed = self._sign_in.renewed(credential, call.path)
                if renewed is None:
                    raise
            try:
                return self._sent(call, read, renewed, target)
            except errors.Forbidden:
                self._sign_in.renewal_did_not_help()
                raise

    def _sent(
        self,
        call: Call,
        read: Callable[[Answer], T],
        credential: Credential | None,
        target: Download | None = None,
    ) -> T:
        """One exchange, and another if the connection failed and the call may be repeated."""
        try:
            return self._one_exchange(call, read, credential, target)
        except errors.ConnectionFailed as problem:
            if not call.is_safe or type(problem) not in _WORTH_REPEATING:
                raise
            if target is not None and target.has_begun:
                raise
        return self._one_exchange(call, read, credential, target)

    def _one_exchange(
        self,
        call: Call,
        read: Callable[[Answer], T],
        credential: Credential | None,
        target: Download | None = None,
    ) -> T:
        began = time.monotonic()
        outcome, received = "ok", 0
        try:
            answer = self._transport.send(
                call, credential.form() if credential is not None else {}, self._limits, target
            )
            received = len(answer.body)
            return read(answer)
        except Exception as error:
            outcome = type(error).__name__
            raise
        finally:
            if self._on_call is not None:
                received = received if target is None else target.written
                self._on_call(call.method, time.monotonic() - began, outcome, received)

    def _start_session(self, credential: Credential, path: str) -> SessionKey:
        as_user = is_user_path(path)
        call = Call(
            "UserWebSessionStart" if as_user else "AdminAccountSessionStart",
            _USER_SESSION_START if as_user else _ADMIN_SESSION_START,
            {} if as_user else {"SelfAddress": self.url},
        )
        reply = self._one_exchange(call, _read_session, credential)
        return SessionKey(credential.username, reply.session_key)


_read_plain = functools.partial(read_json, reply=object)
_read_session = functools.partial(read_json, reply=SessionKeyRegeneratedResponse)
_read_message = functools.partial(read_json, reply=CometAPIResponseMessage)
