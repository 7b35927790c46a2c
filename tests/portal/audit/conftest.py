"""A chain with entries in it, and the hand that reaches past the portal."""

from collections.abc import Callable

import pytest
from django.db import connection, transaction

from portal.audit import guards
from portal.audit import services as audit
from portal.audit.chain import chain
from portal.audit.models import Entry
from tests.factories import provider_tenant


@pytest.fixture
def five(db: None) -> list[Entry]:
    """Five actions, both halves sealed: entries 1 to 10."""
    tenant = provider_tenant()
    for number in range(5):
        audit.note(
            "tenant.rename",
            audit.DONE,
            actor=None,
            tenant_id=tenant.pk,
            target=tenant,
            ip="192.0.2.7",
            details={"number": number},
        )
    chain()  # a test's own transaction is never committed
    return list(Entry.objects.order_by("number"))


@pytest.fixture
def tamper(db: None) -> Callable[..., None]:
    """Runs SQL as somebody who owns the database: he takes the guards down first, and puts them back."""

    def run(*statements: str) -> None:
        guards.remove()
        with transaction.atomic(), connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        guards.install()

    return run
