"""Users of a suspended tenant on an emulated Comet Server, over real HTTP."""

import json

import pytest

from portal.accounts.access import access_for
from portal.fleet.models import Suspension, UserProfile
from portal.fleet.suspensions import start_resuming, start_suspending
from portal.operations.models import OperationItem
from portal.servers.models import Placement
from portal.tenants.suspension import resume_tenant, suspend_tenant
from tests.emulated import run_operation, sync
from tests.factories import TenantFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def tenant(linked, provider):
    """Everything of the server's top level and organizations is placed with this tenant."""
    sync(linked, provider.user)
    tenant = TenantFactory(name="Late payer")
    Placement.objects.filter(server=linked).update(tenant=tenant)
    return tenant


@pytest.fixture
def users(tenant):
    return list(UserProfile.objects.filter(placement__tenant=tenant).order_by("username"))


def is_suspended(emulator, user):
    return emulator.call("admin/get-user-profile", TargetUser=user.username)["IsSuspended"]


def change_profile(emulator, user, **fields):
    profile = emulator.call("admin/get-user-profile", TargetUser=user.username) | fields
    emulator.call("admin/set-user-profile", TargetUser=user.username, ProfileData=json.dumps(profile))


def set_suspended(emulator, user, value):
    change_profile(emulator, user, IsSuspended=value)


@pytest.fixture(autouse=True)
def _as_it_was(emulator, users):
    yield
    for user in users:
        if is_suspended(emulator, user):
            set_suspended(emulator, user, False)


def suspend(tenant, who):
    access = access_for(who.user)
    suspend_tenant(tenant, access=access, actor=who.user)
    return start_suspending(tenant, access, who.user, None)


def resume(tenant, who):
    access = access_for(who.user)
    resume_tenant(tenant, access=access, actor=who.user)
    return start_resuming(tenant, access, who.user, None)


def test_users_are_suspended_and_exactly_those_are_resumed(emulator, tenant, users, provider):
    before = users[0]
    set_suspended(emulator, before, True)  # by somebody at Comet, unknown to our copy

    operation = run_operation(suspend(tenant, provider))

    assert operation.state == "succeeded", list(operation.items.values_list("error", flat=True))
    assert all(is_suspended(emulator, user) for user in users)
    assert operation.items.get(target_id=before.pk).progress_text == "Was suspended already"
    assert not UserProfile.objects.filter(is_suspended=False).exists()

    run_operation(resume(tenant, provider))

    assert [user for user in users if is_suspended(emulator, user)] == [before]
    assert not Suspension.objects.exists()


def test_a_lost_answer_is_no_lost_memory(emulator, tenant, users, provider):
    user = users[0]
    operation = suspend(tenant, provider)
    Suspension.objects.create(profile=user)  # as a worker left it that died with the answer
    set_suspended(emulator, user, True)

    item = run_operation(operation).items.get(target_id=user.pk)
    assert (item.state, item.progress_text) == (OperationItem.State.SUCCEEDED, "Suspended")

    run_operation(resume(tenant, provider))
    assert not is_suspended(emulator, user)


def test_a_refused_write_is_not_remembered(emulator, tenant, users, provider):
    emulator.order("fail", method="AdminSetUserProfileHash", times=1000, http_status=403)
    operation = run_operation(suspend(tenant, provider))
    emulator.order("clear")
    assert operation.state == "failed"
    assert not Suspension.objects.exists()


def test_users_of_a_tenant_that_was_resumed_meanwhile_are_left_alone(emulator, tenant, users, provider):
    operation = suspend(tenant, provider)
    resume_tenant(tenant, access=access_for(provider.user), actor=provider.user)
    run_operation(operation)
    assert not any(is_suspended(emulator, user) for user in users)


def test_what_changed_at_comet_since_the_last_sync_survives(emulator, tenant, users, provider):
    user = users[0]
    change_profile(emulator, user, AccountName="Changed at Comet")

    run_operation(suspend(tenant, provider))

    profile = emulator.call("admin/get-user-profile", TargetUser=user.username)
    assert profile["IsSuspended"]
    assert profile["AccountName"] == "Changed at Comet"


def test_a_technician_suspends_no_users(tenant, technician):
    assert start_suspending(tenant, access_for(technician.user), technician.user, None) is None
