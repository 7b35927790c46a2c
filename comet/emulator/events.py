"""Streamable events: made once, handed to every open stream that may see them."""

import asyncio
from collections import deque
from collections.abc import Collection
from typing import Any, Protocol

import msgspec

from comet.emulator.clock import Clock
from comet.emulator.mangle import Mangling
from comet.emulator.shapes import event_data, event_names

HELLO = 4000
USER_NEW, USER_REMOVED, USER_UPDATED, USER_LOGIN, USER_LOGIN_FAILED = 4100, 4101, 4102, 4103, 4104
USER_SESSION_START, USER_SESSION_REVOKE, USER_SESSION_EXPIRE = 4105, 4106, 4107
ADMIN_NEW, ADMIN_REMOVED, ADMIN_UPDATED, ADMIN_LOGIN, ADMIN_LOGIN_FAILED = 4150, 4151, 4152, 4153, 4154
ADMIN_SESSION_START, ADMIN_SESSION_REVOKE, ADMIN_SESSION_EXPIRE = 4155, 4156, 4157
JOB_NEW, JOB_COMPLETED = 4200, 4201
BUCKET_NEW, BUCKET_REMOVED = 4300, 4301
SERVER_STARTED, SERVER_RESTARTED, SERVER_SHUTDOWN, SERVER_UPDATED = 4400, 4401, 4402, 4403
TENANT_NEW, TENANT_REMOVED, TENANT_UPDATED = 4500, 4501, 4502
POLICY_NEW, POLICY_REMOVED, POLICY_UPDATED = 4600, 4601, 4602
DEVICE_NEW, DEVICE_REMOVED, DEVICE_CONNECT, DEVICE_DISCONNECT = 4700, 4701, 4702, 4703
LOBBY_CONNECT, LOBBY_DISCONNECT = 4704, 4705
GROUP_NEW, GROUP_REMOVED, GROUP_UPDATED = 4800, 4801, 4802
QUOTA_NEW, QUOTA_REMOVED, QUOTA_UPDATED = 4803, 4804, 4805


# The description leaves out what these carry.
_DATA = event_data() | {
    ADMIN_UPDATED: "AllowedAdminUser",
    **dict.fromkeys((GROUP_NEW, GROUP_UPDATED), "UserGroup"),
    **dict.fromkeys((QUOTA_NEW, QUOTA_UPDATED), "SharedStorageQuota"),
}


class Subscription:
    """One open stream: what it may see, and what waits to be sent to it.

    `organization_id` is None for a top-level admin, who sees every organization's events.
    """

    def __init__(self, organization_id: str | None, allowed: Collection[int] | None, limit: int) -> None:
        self.organization_id = organization_id
        self.allowed = allowed
        self._limit = limit
        self._waiting: deque[str] = deque()
        self._filled = asyncio.Event()
        self._over = asyncio.Event()

    def wants(self, event_type: int, organization_id: str) -> bool:
        if self.organization_id is not None and self.organization_id != organization_id:
            return False
        return self.allowed is None or event_type in self.allowed

    def offer(self, text: str) -> None:
        """Queue an event; a reader too far behind is cut off instead."""
        if len(self._waiting) >= self._limit:
            self.cut()
        else:
            self._waiting.append(text)
            self._filled.set()

    def cut(self) -> None:
        """End the stream, whatever still waits."""
        self._over.set()

    async def until_cut(self) -> None:
        await self._over.wait()

    async def next(self) -> str:
        """The next event's text."""
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        return self._waiting.popleft()


class Sink(Protocol):
    """Takes events elsewhere than to a stream."""

    def wants(self, event_type: int, organization_id: str) -> bool: ...

    def take(self, event: dict[str, Any]) -> None: ...


class EventHub:
    """Every event of the server passes here."""

    def __init__(self, clock: Clock, queue_limit: int, mangling: Mangling) -> None:
        self._clock = clock
        self._mangling = mangling
        self._limit = queue_limit
        self._subscriptions: set[Subscription] = set()
        self.sinks: list[Sink] = []
        self.emitted = 0

    @property
    def streams(self) -> int:
        return len(self._subscriptions)

    def subscribe(self, organization_id: str | None, allowed: Collection[int] | None) -> Subscription:
        subscription = Subscription(organization_id, allowed, self._limit)
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)

    def drop_all(self) -> int:
        """Cut every stream; how many there were."""
        count = len(self._subscriptions)
        for subscription in self._subscriptions:
            subscription.cut()
        return count

    def offer_all(self, text: str) -> int:
        """Send a frame as it is to every stream, whatever it holds; to how many."""
        for subscription in self._subscriptions:
            subscription.offer(text)
        return len(self._subscriptions)

    def emit(
        self,
        event_type: int,
        *,
        actor: str = "",
        organization_id: str = "",
        resource_id: str = "",
        data: Any = None,
        moment: int | None = None,
    ) -> None:
        """Tell every stream that may see it. `data` of None leaves the field out; `moment` of None is now."""
        self.emitted += 1
        readers = [s for s in self._subscriptions if s.wants(event_type, organization_id)]
        sinks = [sink for sink in self.sinks if sink.wants(event_type, organization_id)]
        if not readers and not sinks:
            return
        event = self.event(event_type, actor, organization_id, resource_id, data, moment)
        for sink in sinks:
            sink.take(event)
        text = msgspec.json.encode(event).decode()
        for reader in readers:
            reader.offer(text)

    def emit_raw(self, event: dict[str, Any]) -> None:
        """Send an event exactly as given, to every stream that may see it."""
        self.emitted += 1
        text = msgspec.json.encode(event).decode()
        for reader in list(self._subscriptions):
            if reader.wants(event.get("Type", 0), event.get("OwnerOrganizationID", "")):
                reader.offer(text)

    def event(
        self,
        event_type: int,
        actor: str = "",
        organization_id: str = "",
        resource_id: str = "",
        data: Any = None,
        moment: int | None = None,
    ) -> dict[str, Any]:
        """StreamableEvent."""
        event: dict[str, Any] = {"Actor": actor, "OwnerOrganizationID": organization_id, "Type": event_type}
        if resource_id:
            event["ResourceID"] = resource_id
        event["Timestamp"] = self._clock.seconds() if moment is None else moment
        event["TypeString"] = event_names().get(event_type, "")
        if data is not None:
            event["Data"] = data
        return self._mangled(event) if self._mangling.is_on else event

    def _mangled(self, event: dict[str, Any]) -> dict[str, Any]:
        """The event as a server in such a mode tells it."""
        kind = _DATA.get(event["Type"])
        if kind is not None and "Data" in event:
            plain = msgspec.json.decode(msgspec.json.encode(event["Data"]))
            event = {**event, "Data": self._mangling.apply(kind, plain)}
        told: dict[str, Any] = self._mangling.apply("StreamableEvent", event)
        return told
