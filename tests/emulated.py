"""Fixtures for tests that speak to an emulated Comet Server; import them in a room's conftest.py."""

from collections.abc import Iterator
from typing import Any

import pytest

from portal.accounts.models import User
from portal.operations.models import Operation
from portal.operations.runner import run
from portal.servers.models import CometServer
from portal.servers.services import link_server
from tests.cast import Person
from tests.emulator_process import EmulatorProcess, start_emulator


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorProcess]:
    with start_emulator() as started:
        yield started


@pytest.fixture(autouse=True)
def _may_contact_loopback(settings: Any) -> None:
    settings.ALLOWED_NETWORKS = ["127.0.0.0/8", "[::1]"]


@pytest.fixture
def linked(emulator: EmulatorProcess, provider: Person) -> CometServer:
    """The emulated server, linked by the provider's owner; nothing is synced yet."""
    emulator.order("clear")
    return link(emulator, provider)


def link(emulator: EmulatorProcess, person: Person, **changes: object) -> CometServer:
    values: dict[str, object] = {
        "tenant": person.tenant,
        "name": "fr-par-1",
        "api_url": emulator.url,
        "browser_url": emulator.url,
        "username": emulator.admin.name,
        "password": emulator.admin.password,
        "user": person.user,
    }
    return link_server(**{**values, **changes})  # type: ignore[arg-type]


def run_operation(operation: Operation) -> Operation:
    """Do an Operation's items here, as a worker would."""
    for item in operation.items.order_by("pk"):
        run(item.pk)
    operation.refresh_from_db()
    return operation


def sync(server: CometServer, user: User) -> Operation:
    """Run the full sync that is under way, or a new one."""
    from portal.servers.services import start_sync

    operation = run_operation(start_sync(server=server, user=user))
    server.refresh_from_db()
    return operation
