"""A server whose answers the tests dictate."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from comet import CometClient, Password


@dataclass
class Request:
    """What one call sent."""

    http_method: str
    path: str
    form: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""


@dataclass
class Reply:
    """What the server answers."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class ScriptedServer:
    """Answers each path with what was set for it: a Reply, or a function of the request."""

    url: str
    replies: dict[str, Reply | Callable[[Request], Reply]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def answers(
        self, path: str, body: object, *, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        """Sets the answer of `/api/v1/` + path: bytes and text as they are, the rest as JSON."""
        self.replies[f"/api/v1/{path}"] = reply(body, status=status, headers=headers)

    def decides(self, path: str, decide: Callable[[Request], Reply]) -> None:
        self.replies[f"/api/v1/{path}"] = decide

    def client(self, credential: object = None, **options: object) -> CometClient:
        return CometClient(self.url, credential or Password("admin", "long and secret"), **options)


def reply(body: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    if isinstance(body, str):
        body = body.encode()
    if isinstance(body, bytes):
        return Reply(body, status, headers or {})
    return Reply(json.dumps(body).encode(), status, {"Content-Type": "application/json"} | (headers or {}))
