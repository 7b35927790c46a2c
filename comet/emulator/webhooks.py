"""Webhooks: every event posted to those who asked for it, in parallel, and again if they do not take it."""

import asyncio
import random
import uuid
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import urllib3

from comet.emulator.settings import Settings
from comet.emulator.tenants import Organizations

Wire = dict[str, Any]
RETRY_SECONDS = (1.0, 2.0, 4.0, 8.0)  # pauses before the second and further attempts; real seconds
_TAKEN = 200
_AT_ONCE = 8
_POST_SECONDS = 10.0
_REMEMBERED = 100_000
_TRACING = "x-Comet-Tracing-Id"
_OWN_HEADERS = (
    "host",
    "content-type",
    "content-length",
    "connection",
    "transfer-encoding",
    _TRACING.lower(),
)


class Webhooks:
    """Reads WebhookOptions of the server and of each organization whenever an event passes."""

    def __init__(self, settings: Settings, organizations: Organizations) -> None:
        self._settings = settings
        self._organizations = organizations
        self._posting: dict[str, set[asyncio.Task[None]]] = {}
        self._pool = urllib3.PoolManager(maxsize=_AT_ONCE, retries=False)
        self._threads = ThreadPoolExecutor(_AT_ONCE, "webhook")
        self.retry_seconds = RETRY_SECONDS
        self.twice = 0.0
        """Share of the posts that are made twice though they were taken."""
        self.delay_seconds = 0.0
        """Each post is held back by a random part of this."""
        self.chance = random.Random()
        self._taken: deque[Wire] = deque(maxlen=_REMEMBERED)
        self._delivered = 0
        self._given_up = 0

    def figures(self) -> dict[str, int]:
        """Posts that were taken, that nobody took in the end, and that are on their way."""
        queued = sum(map(len, self._posting.values()))
        return {"delivered": self._delivered, "given_up": self._given_up, "queued": queued}

    def wants(self, event_type: int, organization_id: str) -> bool:
        return any(_wanted(option, event_type) for _, option in self._options(organization_id))

    def take(self, event: Wire) -> None:
        """Post an event to whoever wants it."""
        organization_id = event.get("OwnerOrganizationID", "")
        for owner, option in self._options(organization_id):
            if _wanted(option, event.get("Type", 0)):
                self._post(owner, option, event)

    def configured(self, organization_id: str, hello: Wire) -> None:
        """Options were written: drop what is queued for that owner and greet those he has now."""
        for task in self._posting.pop(organization_id, set()):
            task.cancel()
        for option in self._section(organization_id).values():
            if _wanted(option, hello["Type"]):
                self._post(organization_id, option, hello)

    def restarted(self, hello: Wire) -> None:
        """The server came up: what was queued before is lost, and every webhook there is is greeted."""
        for organization_id in ("", *self._organizations.all()):
            self.configured(organization_id, hello)

    def forget_taken(self) -> list[Wire]:
        """Posts that were answered with 200 since this was last asked."""
        taken = list(self._taken)
        self._taken.clear()
        return taken

    def close(self) -> None:
        for tasks in self._posting.values():
            for task in tasks:
                task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _options(self, organization_id: str) -> list[tuple[str, Wire]]:
        """The options that see an organization's events: the server's own, and that organization's."""
        found = [("", option) for option in self._section("").values()]
        if organization_id and self._organizations.get(organization_id) is not None:
            found += [(organization_id, option) for option in self._section(organization_id).values()]
        return found

    def _section(self, organization_id: str) -> dict[str, Wire]:
        options: dict[str, Wire] = self._settings.section(organization_id, "WebhookOptions")
        return options

    def _post(self, owner: str, option: Wire, event: Wire) -> None:
        if option["Level"] == "none":
            event = {name: value for name, value in event.items() if name != "Data"}
        task = asyncio.get_running_loop().create_task(self._deliver(option["URL"], _headers(option), event))
        tasks = self._posting.setdefault(owner, set())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def _deliver(self, url: str, headers: Mapping[str, str], event: Wire) -> None:
        body = msgspec.json.encode(event)
        for _ in range(2 if self.chance.random() < self.twice else 1):
            await asyncio.sleep(self.chance.uniform(0.0, self.delay_seconds))
            if not await self._offer(url, headers, body):
                self._given_up += 1
                return
            self._taken.append(
                {
                    "tracing_id": headers[_TRACING],
                    "type": event["Type"],
                    "resource_id": event.get("ResourceID", ""),
                }
            )
        self._delivered += 1

    async def _offer(self, url: str, headers: Mapping[str, str], body: bytes) -> bool:
        """Post until it is taken; whether it was."""
        loop = asyncio.get_running_loop()
        for pause in (0.0, *self.retry_seconds):
            await asyncio.sleep(pause)
            if await loop.run_in_executor(self._threads, self._is_taken, url, headers, body):
                return True
        return False

    def _is_taken(self, url: str, headers: Mapping[str, str], body: bytes) -> bool:
        try:
            answer = self._pool.request(
                "POST", url, body=body, headers=headers, timeout=_POST_SECONDS, redirect=False
            )
        except urllib3.exceptions.HTTPError:
            return False
        return answer.status == _TAKEN


def _wanted(option: Wire, event_type: int) -> bool:
    listed = option["WhiteListedEventTypes"]
    return bool(option["URL"]) and (not listed or event_type in listed)


def _headers(option: Wire) -> dict[str, str]:
    """Custom headers, without those that clash with the post's own."""
    custom = {n: v for n, v in option["CustomHeaders"].items() if n.lower() not in _OWN_HEADERS}
    return {**custom, "Content-Type": "application/json", _TRACING: str(uuid.uuid4())}
