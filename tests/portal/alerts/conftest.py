"""What tests of alerts share: items that break and mend, people who want mail, a webhook's other end."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.utils import timezone

from portal.alerts.models import MailChoice
from tests.cast import Person
from tests.emulated import _may_contact_loopback, emulator, linked  # noqa: F401  (fixtures)
from tests.factories import ProtectedItemFactory


@pytest.fixture(autouse=True)
def _mail_is_sent(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    settings.PORTAL_URL = "https://portal.example.com"


def broken(state: str = "failed", message: str = "Disk full", **values: Any) -> Any:
    """A Protected Item whose latest backup went wrong."""
    now = timezone.now()
    return ProtectedItemFactory(
        last_state=state, last_status=7002, last_message=message, last_job_at=now, **values
    )


def become(item: Any, state: str, message: str = "") -> None:
    """What the next backup of an item comes to."""
    item.last_state, item.last_message, item.last_job_at = state, message, timezone.now()
    if state == "succeeded":
        item.last_success_at = timezone.now()
    item.save()


def wants_mail(person: Person, when: str = "now", *, closings: bool = False) -> MailChoice:
    return MailChoice.objects.create(user=person.user, when=when, closings=closings)


@dataclass
class Receiver:
    """The other end of a webhook: a real HTTP server that keeps what it got."""

    url: str
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    status: int = 200

    def documents(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            held.got.append((dict(self.headers), body))
            self.send_response(held.status)
            self.send_header("Location", "http://169.254.169.254/")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    held = Receiver(f"http://127.0.0.1:{server.server_port}/alerts")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield held
    server.shutdown()
    thread.join()
    server.server_close()
