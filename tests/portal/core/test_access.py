"""The permission table and the Access that answers from it."""

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.http import Http404

from portal.core.access import NO_ACCESS, PERMISSIONS, ROLES, Access
from portal.core.tenant_sets import EVERYTHING, AllBut
from portal.fleet.models import Device
from portal.tenants.models import Tenant
from tests.factories import DeviceFactory, TenantFactory


def test_no_grant_means_no_tenant():
    assert NO_ACCESS.tenants_with("job:view") == frozenset()


def test_a_permission_outside_the_table_is_an_error():
    with pytest.raises(LookupError):
        NO_ACCESS.tenants_with("job:veiw")


def test_a_grant_reaches_only_its_tenant():
    access = Access(1, {"job:view": frozenset({7}), "device:view": frozenset({8})})
    assert access.tenants_with("job:view") == {7}
    assert access.held_in(8) == {"device:view"}
    with pytest.raises(PermissionDenied):
        access.require("job:view", tenant_id=8)


def test_everywhere_reaches_tenants_nobody_has_named():
    access = Access(1, {"job:view": EVERYTHING})
    assert access.tenants_with("job:view") is EVERYTHING
    assert access.allows("job:view", tenant_id=123_456)
    assert not access.allows("backup:run", tenant_id=123_456)


def test_all_but_some_reaches_no_tenant_made_since():
    access = Access(1, {"job:view": AllBut(frozenset({3}), newest=9)})
    assert [pk for pk in (1, 3, 9, 10) if access.allows("job:view", tenant_id=pk)] == [1, 9]


def test_reach_is_all_in_which_anything_is_granted():
    access = Access(1, {"job:view": frozenset({7}), "device:view": frozenset({8})})
    assert access.reach() == {7, 8}
    most = Access(1, {"job:view": AllBut(frozenset({3, 4}), newest=9), "device:view": frozenset({3})})
    assert most.reach() == AllBut(frozenset({4}), newest=9)
    assert NO_ACCESS.reach() == frozenset()


def test_limits_leave_what_they_name():
    access = Access(1, {"job:view": frozenset({7}), "backup:run": frozenset({7, 8})})
    limited = access.limited_to(frozenset({"job:view", "device:view"}))
    assert limited == Access(1, {"job:view": frozenset({7})})
    assert list(limited.permissions()) == ["job:view"]


def test_an_intersection_holds_what_both_hold_tenant_by_tenant():
    everywhere = Access(
        1, {"backup:run": frozenset({8}), "job:view": EVERYTHING, "device:view": AllBut(frozenset({8}), 9)}
    )
    somewhere = Access(
        2,
        {
            "backup:run": frozenset({8}),
            "job:view": frozenset({7}),
            "sso:user": frozenset({7}),
            "device:view": frozenset({7, 8}),
        },
    )
    both = {"job:view": frozenset({7}), "backup:run": frozenset({8}), "device:view": frozenset({7})}
    assert everywhere.intersection(somewhere) == Access(1, both)
    assert somewhere.intersection(everywhere) == Access(2, both)


def test_an_intersection_without_a_common_tenant_grants_nothing():
    one, other = Access(1, {"job:view": frozenset({7})}), Access(2, {"job:view": frozenset({8})})
    assert one.intersection(other) == Access(1)


def test_an_intersection_reaches_everything_only_where_both_do():
    one = Access(1, {"job:view": EVERYTHING, "device:view": EVERYTHING})
    other = Access(2, {"job:view": EVERYTHING, "sso:user": EVERYTHING})
    assert one.intersection(other) == Access(1, {"job:view": EVERYTHING})
    assert one.intersection(other).tenants_with("job:view") is EVERYTHING


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
        access = Access(1, {"device:view": frozenset({own.tenant_id})})
        assert set(Device.objects.visible_to(access, "device:view")) == {own}
        assert foreign not in Device.objects.visible_to(access, "device:view")

    def test_all_rows_but_those_of_excluded_tenants_and_of_later_ones(self):
        kept, left_out = DeviceFactory(), DeviceFactory()
        later = DeviceFactory(tenant=TenantFactory())
        newest = max(kept.tenant_id, left_out.tenant_id)
        access = Access(1, dict.fromkeys(PERMISSIONS, AllBut(frozenset({left_out.tenant_id}), newest)))
        assert set(Device.objects.visible_to(access, "device:view")) == {kept}
        tenants = Tenant.objects.visible_to(access, "tenant:view")
        assert kept.tenant_id in tenants.values_list("pk", flat=True)
        assert not tenants.filter(pk__in=[left_out.tenant_id, later.tenant_id]).exists()

    def test_a_foreign_row_answers_as_a_missing_one(self):
        foreign = DeviceFactory()
        access = Access(1, dict.fromkeys(["device:view", "backup:run"], frozenset({TenantFactory().pk})))
        with pytest.raises(Http404):
            Device.objects.get_for(access, "device:view", act="backup:run", pk=foreign.pk)
        with pytest.raises(Http404):
            Device.objects.get_for(access, "device:view", pk=foreign.pk + 1)

    def test_an_own_row_without_the_right_to_act_is_refused(self):
        own = DeviceFactory()
        access = Access(1, {"device:view": frozenset({own.tenant_id})})
        with pytest.raises(PermissionDenied):
            Device.objects.get_for(access, "device:view", act="backup:run", pk=own.pk)
        assert Device.objects.get_for(access, "device:view", pk=own.pk) == own
