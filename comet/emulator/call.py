"""One call of an API method: who makes it, with which parameters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from comet.emulator import shapes
from comet.emulator.auth import Caller
from comet.emulator.errors import bad_request, job_not_found, user_not_found
from comet.emulator.job import Job
from comet.emulator.live import Life
from comet.emulator.server import Server

Wire = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Raw:
    """An answer that is already encoded."""

    body: bytes
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Call:
    """What a method needs to know. `parameters` are the form fields, credentials included."""

    server: Server
    life: Life
    caller: Caller
    parameters: Mapping[str, str]
    path: str

    def text(self, name: str) -> str:
        """A mandatory parameter."""
        value = self.parameters.get(name)
        if value is None:
            raise bad_request(f"Missing parameter {name}")
        return value

    def optional_text(self, name: str, default: str = "") -> str:
        return self.parameters.get(name, default)

    def number(self, name: str) -> int:
        value = self.text(name)
        try:
            return int(value)
        except ValueError:
            raise bad_request(f"Parameter {name} is not a whole number") from None

    def document(self, name: str, type_name: str) -> Wire:
        """A mandatory parameter that holds a JSON structure, checked and completed."""
        try:
            value = msgspec.json.decode(self.text(name))
        except (msgspec.DecodeError, UnicodeEncodeError):
            raise bad_request(f"Parameter {name} is not valid JSON") from None
        try:
            whole: Wire = shapes.conform(type_name, value)
        except shapes.Mismatch as mismatch:
            raise bad_request(f"Parameter {name}: {mismatch}") from None
        return whole

    def target_user(self) -> str:
        """The user name in TargetUser, if the caller may see that user."""
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
        return self.caller.sees in (None, self.server.profiles.organization_of(username))

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


def method(name: str) -> Callable[[Handler], Handler]:
    """Register the function that answers a method of the API."""

    def register(handler: Handler) -> Handler:
        HANDLERS[name] = handler
        return handler

    return register


def done(message: str = "OK") -> Wire:
    """The plain success answer."""
    return {"Status": 200, "Message": message}
