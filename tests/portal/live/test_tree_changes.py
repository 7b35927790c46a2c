"""Open pages of people whose part of the tree changes, over real websockets."""

import time

import pytest

from portal.accounts.access import access_for
from portal.core.events import publish
from portal.tenants.services import move_tenant
from portal.tenants.suspension import suspend_tenant
from tests.factories import DeviceFactory, MembershipFactory

pytestmark = pytest.mark.django_db(transaction=True)
WITHIN_SECONDS = 2.0


def test_a_moved_tenant_changes_what_pages_show_within_two_seconds(
    live_portal, provider, reseller, outsider, customer
):
    device = DeviceFactory(tenant=customer.tenant)
    with live_portal.joined(reseller, "devices") as loses, live_portal.joined(outsider, "devices") as gains:
        began = time.monotonic()
        move_tenant(
            customer.tenant, parent=outsider.tenant, access=access_for(provider.user), actor=provider.user
        )
        assert gains.frame_with("live-marks").marks["refresh"] is True
        assert loses.frame_with("live-marks").marks["refresh"] is True
        assert time.monotonic() - began < WITHIN_SECONDS

        publish("device.changed", tenant_id=customer.tenant.pk, device=device.pk, server=device.server_id)
        gains.frame_with(f"device-{device.pk}")
        assert loses.all_frames() == ""


def test_sockets_of_a_suspended_tenant_close_within_two_seconds(live_portal, provider, reseller, customer):
    with (
        live_portal.joined(reseller, "devices") as browser,
        live_portal.joined(customer, "jobs") as below,
        live_portal.joined(provider, "devices") as above,
    ):
        began = time.monotonic()
        suspend_tenant(reseller.tenant, access=access_for(provider.user), actor=provider.user)
        assert (browser.close_code(), below.close_code()) == (4401, 4401)
        assert time.monotonic() - began < WITHIN_SECONDS
        assert above.all_frames() == ""


def test_a_socket_of_somebody_with_a_role_elsewhere_stays(live_portal, provider, reseller, outsider):
    MembershipFactory(user=reseller.user, tenant=outsider.tenant, role="viewer")
    with live_portal.joined(reseller, "devices") as browser:
        suspend_tenant(reseller.tenant, access=access_for(provider.user), actor=provider.user)
        assert browser.frame_with("live-marks").marks["refresh"] is True
