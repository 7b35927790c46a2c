"""Two people who change the exceptions of one role at the same moment, or one who takes the role away."""

import threading

import pytest
from django.db import connection

from portal.accounts.access import access_for
from portal.accounts.errors import ExceptionsChanged, RoleRefused
from portal.accounts.memberships import exclude_tenants, take_role
from portal.accounts.models import Exclusion, Membership
from portal.audit.models import Entry
from tests.cast import person
from tests.factories import MembershipFactory, TenantFactory, provider_tenant

pytestmark = pytest.mark.django_db(transaction=True)


def leave_out(owner, membership, tenant):
    exclude_tenants(membership, [tenant], seen=[], access=access_for(owner.user), actor=owner.user)


def take(owner, membership, tenant):
    take_role(membership, access=access_for(owner.user), actor=owner.user)


@pytest.mark.parametrize("second", [leave_out, take])
def test_one_of_two_is_refused_and_nothing_is_half_done(second):
    root = provider_tenant()
    held = MembershipFactory(tenant=root, role="viewer")
    ways = [(way, person(root, "owner"), TenantFactory(parent=root)) for way in (leave_out, second)]
    memberships = [Membership.objects.select_related("user", "tenant").get(pk=held.pk) for _ in ways]
    start, refused = threading.Barrier(2), []

    def go(way, owner, tenant, membership):
        try:
            start.wait(10)
            way(owner, membership, tenant)
        except (ExceptionsChanged, RoleRefused) as error:
            refused.append(error)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=go, args=(*way, membership))
        for way, membership in zip(ways, memberships, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    ended = sorted(Entry.objects.filter(phase="ended").values_list("outcome", flat=True))
    if second is leave_out:
        assert [type(error) for error in refused] == [ExceptionsChanged]
        assert Exclusion.objects.filter(membership=held).count() == 1
        assert ended == ["done", "refused"]
    else:
        assert not Membership.objects.filter(pk=held.pk).exists()
        assert all("is no longer Viewer" in str(error) for error in refused)
        assert ended == ["done", "refused" if refused else "done"]
