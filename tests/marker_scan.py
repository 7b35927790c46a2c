"""Looks for the mark of the tests' secrets wherever secrets must not be, during every test.

Each secret of the tests holds `MARK`: passwords, keys and seeds that factories, cast and emulator give,
the tests' own key material, seeds of authenticator apps, and what the portal makes up by
`secrets.token_urlsafe`. It must be in no log line, no answer, no Celery message, nothing sent to Redis, no
statement that writes to the database (a session's content included), on either database. A test during
which it is fails, and says where. `tests/portal/test_secrets_walk.py` looks through what a whole running
portal has left behind.
"""

import base64
import json
import logging
import logging.config
import re
import secrets
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
import redis.asyncio.connection
import redis.connection
from allauth.mfa.totp.internal import auth as totp
from celery.signals import before_task_publish
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.core.handlers.base import BaseHandler
from django.db import connections
from django.db.backends.signals import connection_created
from django.http.response import HttpResponseBase

from portal.core.staging import PostgreSQLStaging, Rows, SQLiteStaging
from tests.marks import MARK, PASSWORD

SHOWN_ONCE: Final = {
    "mfa_activate_totp": "the seed is shown while an authenticator app is set up",
    "accounts:person-invite": "the link is shown to who invites",
    "sso:launch-key": "the launcher fetches the key once, to post it into Comet's window",
    "account_reset_password_from_key": "the address is the link that was sent by mail",
    "accounts:invitation-accept": "the address is the link of the invitation",
}
"""Pages whose answer may hold a secret, by URL name, and why."""

_WRITES: Final = re.compile(r"\s*(INSERT|UPDATE|REPLACE|MERGE|COPY)\b", re.IGNORECASE)
_EXCERPT: Final = 60

SHORTEST_SECRET: Final = 24
"""Bytes of randomness from which on the portal makes secrets; what is shorter tells forms apart."""


def forms_of(*texts: str) -> re.Pattern[bytes]:
    """Any of the texts in any case, as hexadecimal digits, and in base64 at each of three offsets."""
    forms = []
    for plain in (text.encode() for text in texts):
        forms += [re.escape(plain), re.escape(plain.hex().encode())]
        for offset in range(3):
            encoded = base64.b64encode(b"\0" * offset + plain)
            start, end = -(-offset * 8 // 6), (offset + len(plain)) * 8 // 6
            forms.append(b"(?-i:" + re.escape(encoded[start:end]) + b")")
    return re.compile(b"(?i:" + b"|".join(forms) + b")")


_MARKED: Final = forms_of(MARK, PASSWORD)


class Scan:
    """What was found since the last test, as sentences."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def look(self, where: str, value: Any) -> None:
        """Look through anything that can be written out; notes where the mark is."""
        data = value if isinstance(value, bytes) else _text(value).encode(errors="replace")
        match = _MARKED.search(data)
        if match:
            excerpt = data[max(0, match.start() - _EXCERPT) : match.end() + _EXCERPT]
            self.found.append(f"{where}: …{excerpt.decode(errors='replace')}…")

    def take(self) -> list[str]:
        """What was found, which is forgotten now."""
        found, self.found = self.found, []
        return found


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, memoryview | bytearray):
        return bytes(value).decode("latin-1")
    if isinstance(value, list | tuple | set):
        return "\n".join(map(_text, value))
    if isinstance(value, dict):
        return "\n".join(f"{_text(name)}: {_text(held)}" for name, held in value.items())
    if hasattr(value, "obj"):  # psycopg's wrapper around JSON
        return json.dumps(value.obj, default=str)
    return str(value)


scan: Final = Scan()


class _LogHandler(logging.Handler):
    """Sees each line as it is written in production, masked as it is there."""

    def emit(self, record: logging.LogRecord) -> None:
        scan.look(f"log line of {record.name}", self.format(record))


_LOG_HANDLER: Final = _LogHandler()


def _watch_logs() -> None:
    """By the settings: Django's setup, which `portal.asgi` runs again, drops what they do not name."""
    settings.LOGGING["handlers"]["marks"] = {"()": lambda: _LOG_HANDLER, "formatter": "structlog"}
    settings.LOGGING["root"]["handlers"].append("marks")
    logging.config.dictConfig(settings.LOGGING)


def _watch_answers() -> None:
    plain, asynchronous = BaseHandler.get_response, BaseHandler.get_response_async

    def get_response(self: BaseHandler, request: Any) -> HttpResponseBase:
        return _looked_through(request, plain(self, request))

    async def get_response_async(self: BaseHandler, request: Any) -> HttpResponseBase:
        return _looked_through(request, await asynchronous(self, request))

    BaseHandler.get_response = get_response  # type: ignore[method-assign]
    BaseHandler.get_response_async = get_response_async  # type: ignore[method-assign]


def _looked_through(request: Any, response: Any) -> Any:
    match = getattr(request, "resolver_match", None)
    name = match.view_name if match else request.path
    if name in SHOWN_ONCE:
        return response
    where = f"answer of {name}"
    scan.look(where, [*response.headers.items(), response.cookies.output()])
    if not response.streaming:
        scan.look(where, response.content)
    elif not response.is_async and match:  # static files are streams too, and no page of ours
        response.streaming_content = _looked_through_parts(where, response.streaming_content)
    return response


def _looked_through_parts(where: str, parts: Iterator[bytes]) -> Iterator[bytes]:
    for part in parts:
        scan.look(where, part)
        yield part


def _watch_database() -> None:
    def look(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if _WRITES.match(sql):
            scan.look(f"database: {sql[:60]}", [sql, params or ()])
        return execute(sql, params, many, context)

    def watch(connection: Any, **_: Any) -> None:
        if look not in connection.execute_wrappers:
            connection.execute_wrappers.append(look)

    connection_created.connect(watch, weak=False)
    for connection in connections.all():
        watch(connection)
    for staging in (SQLiteStaging, PostgreSQLStaging):
        _watch_bulk(staging)
    encode = SessionBase.encode

    def encode_looked_through(self: SessionBase, content: dict[str, Any]) -> str:
        scan.look("session in the database", content)
        return encode(self, content)

    SessionBase.encode = encode_looked_through  # type: ignore[method-assign]


def _watch_bulk(staging: Any) -> None:
    """Their statements go to the driver itself."""
    pack = staging.pack

    def pack_looked_through(self: Any, rows: Rows) -> Any:
        scan.look("bulk rows", rows)
        return pack(self, rows)

    staging.pack = pack_looked_through


def _watch_redis() -> None:
    """Facts, cache, locks, channel layer and broker: all that is sent, save for the sign-in itself."""
    plain = redis.connection.AbstractConnection.send_packed_command
    asynchronous = redis.asyncio.connection.AbstractConnection.send_packed_command

    def send(self: Any, command: Any, *args: Any, **options: Any) -> Any:
        _look_at_command(command)
        return plain(self, command, *args, **options)

    async def send_async(self: Any, command: Any, *args: Any, **options: Any) -> Any:
        _look_at_command(command)
        return await asynchronous(self, command, *args, **options)

    redis.connection.AbstractConnection.send_packed_command = send  # type: ignore[method-assign]
    redis.asyncio.connection.AbstractConnection.send_packed_command = send_async  # type: ignore[method-assign]


def _look_at_command(command: Any) -> None:
    sent = command if isinstance(command, bytes) else b"".join(map(bytes, command))
    if b"AUTH\r\n" not in sent[:200]:
        scan.look("sent to Redis", sent)


def _mark_what_the_portal_makes_up() -> None:
    original = secrets.token_urlsafe

    def token_urlsafe(nbytes: int | None = None) -> str:
        made = original(nbytes)
        caller = sys._getframe(1).f_globals.get("__name__", "")
        is_secret = caller.startswith("portal.") and (nbytes is None or nbytes >= SHORTEST_SECRET)
        return MARK + made[len(MARK) :] if is_secret else made

    secrets.token_urlsafe = token_urlsafe
    make_seed = totp.generate_totp_secret
    totp.generate_totp_secret = lambda: MARK.upper() + make_seed()[len(MARK) :]


def pytest_configure(config: pytest.Config) -> None:
    """Start looking. Django's apps are loaded: tests/conftest.py has seen to it."""
    _watch_logs()
    _watch_answers()
    _watch_database()
    _watch_redis()
    _mark_what_the_portal_makes_up()
    before_task_publish.connect(
        lambda sender=None, body=None, **_: scan.look(f"Celery message to {sender}", body), weak=False
    )


@pytest.fixture(autouse=True)
def _no_secret_escapes() -> Iterator[None]:
    """The test fails when a marked secret was seen where none belongs."""
    yield
    found = scan.take()
    if _LOG_HANDLER not in logging.getLogger().handlers:
        logging.getLogger().addHandler(_LOG_HANDLER)
        pytest.fail("The test took away the handler that looks through the log.", pytrace=False)
    if found:
        pytest.fail("A secret of the tests was found:\n" + "\n".join(found[:10]), pytrace=False)
