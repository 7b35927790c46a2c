"""Two owners who leave at the same moment, each on a connection of its own."""

import threading

import pytest
from django.db import connection

from portal.accounts.access import access_for
from portal.accounts.errors import RoleRefused
from portal.accounts.memberships import close_sign_in, take_role
from portal.accounts.models import Membership
from tests.cast import person
from tests.factories import provider_tenant

pytestmark = pytest.mark.django_db(transaction=True)


def leave(owner):
    take_role(owner.user.memberships.get(), access=access_for(owner.user), actor=owner.user)


def close(owner):
    close_sign_in(owner.user, access=access_for(owner.user), actor=owner.user)


@pytest.mark.parametrize(("first", "second"), [(leave, leave), (close, close), (leave, close)])
def test_one_owner_stays_when_both_go_at_once(first, second):
    tenant = provider_tenant()
    owners = [person(tenant, "owner"), person(tenant, "owner")]
    start, refused = threading.Barrier(2), []

    def go(way, owner):
        try:
            start.wait(10)
            way(owner)
        except RoleRefused as error:
            refused.append(str(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=go, args=one) for one in zip((first, second), owners, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert refused == [f"{tenant} needs an owner. Make somebody else owner first."]
    assert Membership.objects.filter(tenant=tenant, role="owner", user__is_active=True).count() == 1
