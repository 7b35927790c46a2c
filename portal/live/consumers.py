"""The websocket of a page: admits a browser to topics; the hub does the sending from then on."""

from contextlib import suppress
from importlib import import_module
from typing import Final
from urllib.parse import parse_qs

from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from portal.accounts.access import access_for
from portal.accounts.models import User
from portal.accounts.second_factor import is_missing
from portal.accounts.sessions import why_over
from portal.accounts.viewing import viewing_of
from portal.core.refusals import note_refusal
from portal.live.hub import hub_of_this_process
from portal.live.sockets import RAW_SEND, Reader
from portal.live.topics import Sight, Topic, TopicRefused, admitted, parse_topics, sight_of
from portal.tenants.switching import chosen_tenant

SIGNED_OUT: Final = 4401
REFUSED: Final = 4403
TRY_LATER: Final = 1013
"""After it a page tries again, later each time."""

TOO_LONG: Final = 1009
"""The web server's own answer to a message above its limit."""


class SignedOut(Exception):
    """The session ended, or never began."""


class LiveConsumer(AsyncWebsocketConsumer):
    """Handshake, permission check and goodbye. It is not in the path of a message.

    The socket is accepted before it is refused: a browser learns the code of an accepted socket only.
    """

    channel_layer_alias = None  # nothing is sent to a single socket by name
    reader: Reader | None = None

    async def connect(self) -> None:
        await self.accept()
        joins = hub_of_this_process().joins
        if not joins.may_try(self.session_key):
            note_refusal("socket", "too many")
            await self.close(code=TRY_LATER)
            return
        try:
            user, topics, sight = await self._admission()
        except SignedOut:
            note_refusal("socket", "signed out")
            await self.close(code=SIGNED_OUT)
        except TopicRefused as refused:
            note_refusal("socket", "topic", why=str(refused))
            await self.close(code=REFUSED)
        else:
            with suppress(RuntimeError):  # the browser has gone meanwhile
                self.reader = Reader(
                    self.scope.get(RAW_SEND, self.base_send),
                    user_id=user.pk,
                    topics=topics,
                    sight=sight,
                    recheck=self.recheck,
                )
                hub_of_this_process().join(self.reader)
                joins.opened(self.session_key)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Pages never send; who does is no page."""
        note_refusal("socket", "it speaks")
        await self._end(REFUSED)

    async def disconnect(self, code: int) -> None:
        if code == TOO_LONG:
            note_refusal("socket", "too long")
        self._leave()

    async def recheck(self) -> None:
        """Read session and grants again: the reader goes, or sees what it may see now."""
        reader = self.reader
        try:
            _, topics, sight = await self._admission()
        except SignedOut:
            await self._end(SIGNED_OUT)
        except TopicRefused:
            await self._end(REFUSED)
        else:
            if reader is not None and reader is self.reader:  # it may have left meanwhile
                hub_of_this_process().move(reader, topics=topics, sight=sight)

    @property
    def session_key(self) -> str:
        """Of the browser's cookie; empty where it sends none."""
        return str(self.scope["cookies"].get(settings.SESSION_COOKIE_NAME, ""))

    async def _admission(self) -> tuple[User, frozenset[Topic], Sight]:
        query = parse_qs(self.scope["query_string"].decode("ascii", "replace"))
        topics = parse_topics(",".join(query.get("topics", [])))
        session: SessionBase = import_module(settings.SESSION_ENGINE).SessionStore(self.session_key or None)
        user = await get_user({"session": session})
        if not user.is_authenticated or not user.is_active or why_over(session):
            raise SignedOut
        return user, *await _admit(user, session, topics)

    async def _end(self, code: int) -> None:
        reader = self.reader
        self._leave()
        if reader is not None and reader.is_behind():
            hub_of_this_process().let_go(reader, code)
            return
        try:
            await self.close(code=code)
        except (OSError, RuntimeError):
            return  # the browser was faster

    def _leave(self) -> None:
        if self.reader is not None:
            hub_of_this_process().leave(self.reader)
            hub_of_this_process().joins.closed(self.session_key)
            self.reader = None


@database_sync_to_async
def _admit(user: User, session: SessionBase, topics: frozenset[Topic]) -> tuple[frozenset[Topic], Sight]:
    """As the pages do: what the person may do, or sees as somebody else, narrowed by the switcher."""
    if is_missing(user, session):
        raise SignedOut
    request = HttpRequest()
    request.session = session
    viewing = viewing_of(session)
    access = viewing.seen_with(access_for(user)) if viewing else access_for(user)
    tenant = chosen_tenant(request, access)
    if tenant is not None:
        narrowed = access_for(user, within=tenant)
        access = viewing.seen_with(narrowed) if viewing else narrowed
    admitted_topics = admitted(access, topics)
    return admitted_topics, sight_of(access, admitted_topics)
