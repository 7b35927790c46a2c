"""One World per module: made once, and every request's changes are taken back."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from tests.refusals.asking import Browser
from tests.refusals.cast import Cast
from tests.refusals.places import World


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    with django_db_blocker.unblock(), transaction.atomic():
        yield World()
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def cast(world: World) -> Cast:
    made = Cast(world)
    assert made.named  # now: what is made within a test is taken back with it
    return made


@pytest.fixture(scope="module")
def browser(world: World) -> Browser:
    return Browser()
