"""Posts to a tenant's webhook: signed, to an address that was looked at, redirected nowhere."""

import hashlib
import hmac
import time
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import structlog
import urllib3
from django.conf import settings
from django.urls import reverse
from urllib3.exceptions import HTTPError
from urllib3.util import Timeout

from comet.dial import GuardRefused, budget, pool_manager, tls_context
from portal.alerts.mail import link
from portal.alerts.models import Notice, Rules
from portal.alerts.sending import Claimed, NotSent
from portal.core.addresses import address_guard
from portal.core.encryption import SecretUnreadable

SECONDS: Final = 10.0
MOST_ANSWER_BYTES: Final = 64 * 1024
SIGNATURE_HEADER: Final = "X-Perihelion-Signature"
ID_HEADER: Final = "X-Perihelion-Delivery"

log = structlog.get_logger(__name__)


class BadAddress(Exception):
    """It cannot be posted to; the text says why, for people."""


def check_address(url: str) -> str:
    """`url` as it is stored.

    Raises:
        BadAddress: not http or https, no host, or a name or password in it.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise BadAddress("This address cannot be read: check its host and port.") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise BadAddress("The address must start with http:// or https:// and name a host.")
    if parts.username or parts.password:
        raise BadAddress("The address must not hold a user name or password. Use the header for that.")
    if parts.fragment:
        raise BadAddress("The address must end before #.")
    return parts.geturl()


def sign(key: str, at: int, body: bytes) -> str:
    """The value of `X-Perihelion-Signature`: `t=<Unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`."""
    digest = hmac.new(key.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def post(claimed: Claimed) -> str:
    """Post the message; gives the answer's status line.

    Raises:
        NotSent: it was refused, or nobody answered in time.
    """
    rules = claimed.message.rules
    assert rules is not None  # noqa: S101  (for the type checker)
    body = body_of(claimed)
    try:
        headers = _headers(rules, str(claimed.message.uid), body)
    except SecretUnreadable as error:
        raise NotSent("Its secret cannot be read with the portal's keys. Type it again.") from error
    context = tls_context(settings.COMET_CA_FILE) if rules.hook_url.startswith("https") else None
    manager = pool_manager(address_guard(), context, 1)
    try:
        with budget(SECONDS):
            answer = manager.request(
                "POST",
                rules.hook_url,
                body=body,
                headers=headers,
                timeout=Timeout(connect=5.0, read=SECONDS),
                redirect=False,
                retries=False,
                preload_content=False,
            )
            answer.read(MOST_ANSWER_BYTES)
            answer.release_conn()
    except GuardRefused as refused:
        raise NotSent(str(refused)) from refused
    except (HTTPError, OSError, UnicodeError) as error:
        raise NotSent(_explain(error)) from error
    finally:
        manager.clear()
    if not 200 <= answer.status < 300:
        raise NotSent(f"It answered {answer.status}.")
    return f"Answered {answer.status}"


def _headers(rules: Rules, uid: str, body: bytes) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Perihelion",
        ID_HEADER: uid,
    }
    if rules.hook_header and rules.hook_secret:
        headers[rules.hook_header] = rules.hook_secret.reveal()
    if rules.hook_key:
        headers[SIGNATURE_HEADER] = sign(rules.hook_key.reveal(), int(time.time()), body)
    return headers


def _explain(error: Exception) -> str:
    if isinstance(error, urllib3.exceptions.NameResolutionError):
        return "Its name has no address."
    if isinstance(error, urllib3.exceptions.SSLError):
        return "Its certificate is not trusted."
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return "Nobody answers there."
    if isinstance(error, urllib3.exceptions.TimeoutError | TimeoutError):
        return f"It did not answer within {SECONDS:.0f} s."
    return "The connection broke off."


def body_of(claimed: Claimed) -> bytes:
    """What is posted: one document with all that turned, as JSON."""
    told = {
        "id": str(claimed.message.uid),
        "test": claimed.message.is_test,
        "alerts": [_told(notice) for notice in claimed.notices],
    }
    return msgspec.json.encode(told)


def _told(notice: Notice) -> dict[str, Any]:
    alert, opening = notice.alert, notice.opening
    return {
        "id": alert.pk,
        "event": str(notice.what),
        "number": opening.number,
        "kind": alert.kind,
        "label": alert.label,
        "cause": alert.cause,
        "message": alert.message,
        "tenant": alert.placement.tenant.name,
        "server": alert.server.name,
        "opened_at": opening.opened_at,
        "closed_at": opening.closed_at,
        "url": link(reverse("alerts:alert-detail", args=[alert.pk])),
    }
