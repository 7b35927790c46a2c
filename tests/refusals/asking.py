"""Asks the portal as somebody, and takes back whatever that changed."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction
from django.test import Client

from tests.refusals.cast import Asker


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    location: str
    wrote: frozenset[str]
    """Tables that were written to, but for those in which every request may be noted."""


NOTES: Final = re.compile(r"audit_|django_session|accounts_limit|usersessions_|account_emailaddress")
_WRITES: Final = re.compile(
    r'\s*(?:INSERT\s+(?:OR\s+IGNORE\s+)?INTO|UPDATE|DELETE\s+FROM)\s+"?(\w+)', re.IGNORECASE
)


@contextmanager
def written_to(tables: set[str]) -> Iterator[None]:
    """Collect the tables that are written to within."""

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        write = _WRITES.match(sql)
        if write and not NOTES.match(write[1]):
            tables.add(write[1])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield


@contextmanager
def taken_back() -> Iterator[None]:
    """What is written within is not kept. Code that wants a transaction of its own has one."""
    atomic: Any = transaction.atomic()
    atomic._from_testcase = True  # as Django's own test cases say it of theirs
    with atomic:
        yield
        transaction.set_rollback(True)


class Browser:
    """One browser that anybody signs in with: it holds the session of whoever asks."""

    def __init__(self) -> None:
        self._client = Client()

    def ask(
        self,
        asker: Asker | None,
        method: str,
        url: str,
        data: Mapping[str, Any] | None = None,
        *,
        by_token: bool = False,
    ) -> Answer:
        """The answer to one request, of a browser or of a script with a token; None is the anonymous."""
        self._client.cookies.clear()
        headers = {}
        if asker is not None and by_token:
            headers["Authorization"] = f"Bearer {asker.token}"
        elif asker is not None:
            self._client.cookies[settings.SESSION_COOKIE_NAME] = asker.session
        tables: set[str] = set()
        with taken_back(), written_to(tables):
            response = getattr(self._client, method)(url, data, headers=headers)
            content = b"".join(response.streaming_content) if response.streaming else response.content
        return Answer(response.status_code, content.decode(), response.get("Location", ""), frozenset(tables))
