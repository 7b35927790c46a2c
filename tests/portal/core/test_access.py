"""The permission table and the Access that answers from it."""

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.http import Http404

from portal.core.access import EVERYTHING, NO_ACCESS, PERMISSIONS, ROLES, Access
from portal.fleet.models import Device
from tests.factories import DeviceFactory, TenantFactory


def test_no_grant_means_no_tenant():
    assert NO_ACCESS.tenants_with("job:view") == frozenset()


def test_a_permission_outside_the_table_is_an_error():
    with pytest.raises(LookupError):
        NO_ACCESS.tenants_with("job:veiw")


def test_a_grant_reaches_only_its_tenant():
    access = Access(1, {7: frozenset({"job:view"}), 8: frozenset({"device:view"})})
    assert access.tenants_with("job:view") == {7}
    with pytest.raises(PermissionDenied):
        access.require("job:view", tenant_id=8)


def test_everywhere_reaches_tenants_nobody_has_named():
    access = Access(1, {}, frozenset({"job:view"}))
    assert access.tenants_with("job:view") is EVERYTHING
    assert access.allows("job:view", tenant_id=123_456)
    assert not access.allows("backup:run", tenant_id=123_456)


def test_limits_leave_what_they_name_and_no_empty_grants():
    access = Access(1, {7: frozenset({"job:view", "backup:run"}), 8: frozenset({"backup:run"})})
    limited = access.limited_to(frozenset({"job:view", "device:view"}))
    assert limited == Access(1, {7: frozenset({"job:view"})})
    assert Access(1, {}, frozenset({"job:view", "backup:run"})).limited_to(frozenset({"job:view"})) == Access(
        1, {}, frozenset({"job:view"})
    )


def test_an_intersection_holds_what_both_hold_tenant_by_tenant():
    everywhere = Access(1, {8: frozenset({"backup:run"})}, frozenset({"job:view", "device:view"}))
    somewhere = Access(2, {7: frozenset({"job:view", "sso:user"}), 8: frozenset({"backup:run"})})
    both = Access(1, {7: frozenset({"job:view"}), 8: frozenset({"backup:run"})})
    assert everywhere.intersection(somewhere) == both
    assert somewhere.intersection(everywhere).grants == both.grants


def test_an_intersection_reaches_everything_only_where_both_do():
    one = Access(1, {}, frozenset({"job:view", "device:view"}))
    other = Access(2, {}, frozenset({"job:view", "sso:user"}))
    assert one.intersection(other) == Access(1, {}, frozenset({"job:view"}))


def test_roles_are_made_of_known_permissions():
    assert {permission for granted in ROLES.values() for permission in granted} <= set(PERMISSIONS)


def test_the_page_of_permissions_is_current():
    call_command("permissions", "--check")


@pytest.mark.django_db
class TestTenantQuerySet:
    def test_no_grant_gives_no_rows(self):
        DeviceFactory()
        assert not Device.objects.visible_to(NO_ACCESS, "device:view").exists()

    def test_rows_of_granted_tenants_only(self):
        own, foreign = DeviceFactory(), DeviceFactory()
        access = Access(1, {own.tenant_id: frozenset({"device:view"})})
        assert set(Device.objects.visible_to(access, "device:view")) == {own}
        assert foreign not in Device.objects.visible_to(access, "device:view")

    def test_a_foreign_row_answers_as_a_missing_one(self):
        foreign = DeviceFactory()
        access = Access(1, {TenantFactory().pk: frozenset({"device:view", "backup:run"})})
        with pytest.raises(Http404):
            Device.objects.get_for(access, "device:view", act="backup:run", pk=foreign.pk)
        with pytest.raises(Http404):
            Device.objects.get_for(access, "device:view", pk=foreign.pk + 1)

    def test_an_own_row_without_the_right_to_act_is_refused(self):
        own = DeviceFactory()
        access = Access(1, {own.tenant_id: frozenset({"device:view"})})
        with pytest.raises(PermissionDenied):
            Device.objects.get_for(access, "device:view", act="backup:run", pk=own.pk)
        assert Device.objects.get_for(access, "device:view", pk=own.pk) == own
