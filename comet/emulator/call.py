"""One call of an API method: who makes it, with which parameters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from comet.emulator.auth import USER, Caller
from comet.emulator.errors import Refusal, bad_request, job_not_found, unauthorised, user_not_found
from comet.emulator.job import Job
from comet.emulator.live import Life
from comet.emulator.population import Device
from comet.emulator.server import Server

Wire = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Raw:
    """An answer that is already encoded."""

    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """What a method needs to know.

    `values` are its decoded parameters; `host` is the Host header; `after` collects what is to happen
    once the answer has been sent.
    """

    server: Server
    life: Life
    caller: Caller
    values: Mapping[str, Any]
    host: str
    after: list[Callable[[], None]] = field(default_factory=list)
    files: Mapping[str, bytes] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """A parameter that holds text; empty if it was not given."""
        value: str = self.values.get(name, "")
        return value

    def number(self, name: str, default: int = 0) -> int:
        value: int = self.values.get(name, default)
        return value

    def flag(self, name: str) -> bool:
        return bool(self.values.get(name, False))

    def document(self, name: str) -> Any:
        """A parameter that holds JSON, checked and completed; None if it was not given."""
        return self.values.get(name)

    def target_user(self) -> str:
        """The user name in TargetUser, if the caller may see that user."""
        if self.caller.kind == USER:
            return self.caller.username
        name = self.text("TargetUser")
        profile = self.server.profiles.stored(name)
        if profile is None or self.caller.sees not in (None, profile.get("OrganizationID", "")):
            raise user_not_found()
        return name

    def job(self) -> Job:
        """The job in JobID, if the caller may see it."""
        job = self.server.jobs.find(self.text("JobID"))
        if job is None or not self.may_see_user(job.username):
            raise job_not_found()
        return job

    def may_see_user(self, username: str) -> bool:
        if self.caller.kind == USER:
            return username == self.caller.username
        if self.server.profiles.stored(username) is None:
            return False
        return self.caller.sees in (None, self.server.profiles.organization_of(username))

    def target_organization(self, name: str = "TargetOrganization") -> str:
        """The organization a call is about: an admin's own, or the one a top-level admin names."""
        wanted = self.text(name)
        own = self.caller.organization_id
        if not wanted or wanted == own:
            return own
        if own or self.server.organizations.get(wanted) is None:
            raise bad_request("Organization not found")
        return wanted

    def scope(self, name: str = "TargetOrganization") -> str | None:
        """The organization whose things a list shows; None means those of all."""
        return self.target_organization(name) if name in self.values else self.caller.sees

    def base_url(self) -> str:
        """The server's own address: SelfAddress if the caller gave it, else the host he called."""
        given = self.text("SelfAddress")
        scheme = "https" if self.server.options.tls else "http"
        return (given or f"{scheme}://{self.host}").rstrip("/") + "/"

    def device(self) -> Device:
        """The connected device in TargetID, if the caller may see it; refused otherwise."""
        for live in self.server.live_connections():
            if live.turn.guid == self.text("TargetID") and self.may_see_user(live.device.username):
                return live.device
        raise unauthorised()

    def tell_user(self, event_type: int, username: str) -> None:
        """Tell the streams of a user who was made or changed, with his profile."""
        book = self.server.profiles
        self.emit(
            event_type,
            organization_id=book.organization_of(username),
            resource_id=username,
            data=msgspec.Raw(book.encoded(username)),
        )

    def emit(self, event_type: int, *, organization_id: str, resource_id: str = "", data: Any = None) -> None:
        """Tell the streams what this call did, in the caller's name."""
        self.server.hub.emit(
            event_type,
            actor=self.caller.username,
            organization_id=organization_id,
            resource_id=resource_id,
            data=data,
        )


Handler = Callable[[Call], Any]
HANDLERS: dict[str, Handler] = {}


def method(*names: str) -> Callable[[Handler], Handler]:
    """Register the function that answers these methods of the API."""

    def register(handler: Handler) -> Handler:
        for name in names:
            HANDLERS[name] = handler
        return handler

    return register


def conflict(call: Call, message: str) -> Refusal:
    """What was read has changed since."""
    return Refusal(call.server.assumptions.hash_conflict_status, message)


def done(message: str = "OK") -> Wire:
    """The plain success answer."""
    return {"Status": 200, "Message": message}
