"""Browser sessions of people: which are open, how long they last, and how they end.

django-allauth keeps one row per session (address, browser, last use). The session itself holds when
it began and when a person last used it; both are checked by every request and every socket.
"""

import time
from datetime import timedelta
from importlib import import_module
from typing import Final

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session
from django.db.models import Q
from django.dispatch import Signal
from django.http import Http404, HttpRequest
from django.utils import timezone

from portal.accounts.factors import SECOND_FACTOR, proved_second_factor
from portal.accounts.models import User
from portal.accounts.selectors import home_tenant_id
from portal.audit import services as audit
from portal.core.events import publish

sessions_ended = Signal()
"""Sent with `user` and `session_keys` after these sessions ended; rooms end what was opened in them."""

SIGNED_IN_AT: Final = "signed_in_at"
"""In the session: Unix seconds of the sign-in that began it."""

PROVED_AT: Final = "proved_at"
"""In the session: Unix seconds at which its person proved who he is, for the sign-in; 0 where unknown."""

SEEN_AT: Final = "seen_at"
"""In the session: Unix seconds of its last use that was stored."""

STORE_EVERY: Final = 60
"""Seconds. The use of a session is stored no more often."""

UNKNOWN_ADDRESS: Final = "0.0.0.0"  # noqa: S104  (nothing listens there; the column takes no blank)
"""Stored where the web server states no address."""

UNATTENDED_HEADER: Final = "X-Unattended"
"""Sent by pages that ask again by themselves: nobody used the session."""


SAID: Final = {"idle": "not used for too long", "age": "too long after the sign-in"}


def store_of(key: str | None) -> SessionBase:
    """The session with that key, read when it is first used."""
    store: SessionBase = import_module(settings.SESSION_ENGINE).SessionStore(key)
    return store


def begin_session(request: HttpRequest, user: User, *, proved_at: float | None = None) -> None:
    """Note in the session and in the list of sessions that `user` has just signed in.

    `proved_at` says when he proved who he is, where that was not just now.
    """
    now = time.time()
    request.session[SIGNED_IN_AT] = request.session[SEEN_AT] = now
    request.session[PROVED_AT] = now if proved_at is None else min(proved_at, now)
    request.session[SECOND_FACTOR] = proved_second_factor(request, user)
    if not request.session.session_key:
        request.session.create()
    _write_row(request, user)


def keep_session(request: HttpRequest, user: User) -> None:
    """Note that the session was used, if it was a person and nothing was noted for a minute."""
    now = time.time()
    if request.headers.get(UNATTENDED_HEADER) or now - request.session.get(SEEN_AT, 0) < STORE_EVERY:
        return
    request.session[SEEN_AT] = now
    _write_row(request, user)


def why_over(session: SessionBase) -> str:
    """Why this session may not be used any more: "idle" or "age"; empty while it may."""
    now = time.time()
    if now - session.get(SIGNED_IN_AT, 0) > settings.SESSION_LIMIT_SECONDS:
        return "age"
    if now - session.get(SEEN_AT, 0) > settings.SESSION_IDLE_SECONDS + STORE_EVERY:
        return "idle"
    return ""


def list_sessions(user: User) -> list[UserSession]:
    """The sessions in which `user` is signed in, the one used last first."""
    rows = UserSession.objects.filter(user=user).order_by("-last_seen_at")
    return [row for row in rows if _is_open(row, user)]


def get_session(user: User, pk: int) -> UserSession:
    """One session of `user`.

    Raises:
        Http404: there is none with that id, or it is somebody else's.
    """
    row = UserSession.objects.filter(user=user, pk=pk).first()
    if row is None:
        raise Http404("No session matches.")
    return row


def end_sessions(user: User, *, keep: str | None = None) -> int:
    """End every session of `user` but the one with the key `keep`; tells how many were open.

    Open sockets close within two seconds, and what was opened at Comet Servers from there ends.
    """
    rows = UserSession.objects.filter(user=user)
    return end_keys(user, [key for key in rows.values_list("session_key", flat=True) if key != keep])


def sign_out(
    user: User, *, actor: User, ip: str | None, keep: str | None = None, only: str | None = None
) -> int:
    """End sessions of `user` because `actor` asked for it; tells how many were open.

    `keep` is the key of a session that stays, `only` that of the one that is to end.
    """
    audited = audit.record(
        "session.end_others", actor=actor, tenant_id=home_tenant_id(user), target=user, ip=ip
    )
    with audited as action:
        ended = end_keys(user, [only]) if only else end_sessions(user, keep=keep)
        action.details["sessions"] = ended
    return ended


def end_keys(user: User, keys: list[str]) -> int:
    """End these sessions of `user`; tells how many were open."""
    stores = [store_of(key) for key in keys]
    ended = sum(store.exists(key) for store, key in zip(stores, keys, strict=True))
    for store, key in zip(stores, keys, strict=True):
        store.delete(key)
    UserSession.objects.filter(user=user, session_key__in=keys).delete()
    publish("access.changed", tenant_id=None, user=user.pk)
    sessions_ended.send(User, user=user, session_keys=keys)
    return ended


def purge_sessions() -> None:
    """Forget sessions that nobody can use any more."""
    now = timezone.now()
    Session.objects.filter(expire_date__lt=now).delete()
    UserSession.objects.filter(
        Q(created_at__lt=now - timedelta(seconds=settings.SESSION_LIMIT_SECONDS))
        | Q(last_seen_at__lt=now - timedelta(seconds=settings.SESSION_IDLE_SECONDS + 2 * STORE_EVERY))
    ).delete()


def drop_row(request: HttpRequest) -> None:
    """Take the session of `request` off the list: its person signed out."""
    UserSession.objects.filter(session_key=request.session.session_key).delete()


def _is_open(row: UserSession, user: User) -> bool:
    """Whether its session is still there, of that person, with the password of today, and not over."""
    session = store_of(row.session_key)
    return (
        session.get("_auth_user_id") == str(user.pk)
        and session.get("_auth_user_hash") == user.get_session_auth_hash()
        and not why_over(session)
    )


def _write_row(request: HttpRequest, user: User) -> None:
    UserSession.objects.update_or_create(
        session_key=request.session.session_key,
        defaults={
            "user": user,
            "ip": audit.ip_of(request) or UNKNOWN_ADDRESS,
            "user_agent": request.META.get("HTTP_USER_AGENT", "")[:200],
            "last_seen_at": timezone.now(),
        },
    )
