"""Needs attention: grouped by cause, opened, run again."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from portal.accounts.access import access_for
from portal.fleet.selectors import Cause
from portal.jobs import attention
from portal.operations.models import Operation
from tests.cast import person
from tests.factories import DeviceFactory, ProtectedItemFactory

PAGE = reverse("jobs:attention")
CONFIRM = reverse("jobs:attention-confirm")
RUN = reverse("jobs:attention-run")
UNREACHABLE = "Vault unreachable: timed out"
HOSTILE = "<script>alert(1)</script>"


def failed(message=UNREACHABLE, *, status=7002, state="failed", hours=1, **values):
    since = timezone.now() - timedelta(hours=hours)
    return ProtectedItemFactory(
        last_state=state,
        last_status=status,
        last_message=message,
        last_job_at=since,
        bad_since=since,
        **values,
    )


@pytest.fixture
def everywhere(provider):
    """What the provider may do."""
    return access_for(provider.user)


def test_devices_are_grouped_by_cause_most_first(everywhere):
    device = failed("Disk full", hours=9).device
    for hours in (3, 5, 4):
        failed(hours=hours)
    failed(device=device)
    failed("", status=7004, state="missed")
    ProtectedItemFactory(last_state="succeeded", last_status=5000)

    groups = attention.list_groups(everywhere)

    told = [(group.title, group.devices, group.servers, group.state) for group in groups]
    assert told == [(UNREACHABLE, 4, 4, "failed"), ("Disk full", 1, 1, "failed"), ("Missed", 1, 1, "missed")]
    assert groups[0].since == min(
        item.bad_since for item in attention.list_items(everywhere, groups[0].cause)
    )


def test_a_device_with_two_bad_items_counts_once(everywhere):
    device = failed().device
    failed(device=device)
    failed("Disk full", device=device)

    assert attention.count_devices(everywhere) == 1
    assert {group.devices for group in attention.list_groups(everywhere)} == {1}


def test_only_own_groups_are_shown(reseller, outsider):
    failed("Own trouble", tenant=reseller.tenant)
    failed("Foreign trouble", tenant=outsider.tenant)

    response = reseller.client().get(PAGE)

    assertContains(response, "Own trouble")
    assertNotContains(response, "Foreign trouble")


def test_an_open_group_shows_own_devices_only(reseller, outsider):
    failed(device=DeviceFactory(name="MINE", tenant=reseller.tenant))
    failed(device=DeviceFactory(name="THEIRS", tenant=outsider.tenant))

    response = reseller.client().get(PAGE, {"cause": f"7002:{UNREACHABLE}"})

    assertContains(response, "MINE")
    assertContains(response, "1 device</strong>, 1 server")
    assertContains(response, 'aria-expanded="true"')
    assertNotContains(response, "THEIRS")


def test_a_group_leads_to_exactly_its_devices(provider, everywhere):
    failed(device=DeviceFactory(name="BROKEN"))
    failed(device=DeviceFactory())
    failed("Other", device=DeviceFactory(name="OTHERWISE"))
    group = attention.list_groups(everywhere)[0]

    response = provider.client().get(group.devices_url)

    assert group.title == UNREACHABLE
    assertContains(response, "BROKEN")
    assertNotContains(response, "OTHERWISE")


def test_a_group_is_run_again_as_one_operation(provider):
    items = [failed(), failed()]
    failed("Other")
    ProtectedItemFactory(device=items[0].device, last_state="succeeded")
    client = provider.client()

    asked = client.get(CONFIRM, {"cause": f"7002:{UNREACHABLE}"})
    response = client.post(RUN, {"cause": f"7002:{UNREACHABLE}"})

    assertContains(asked, "Run backup on 2 devices")
    operation = Operation.objects.get()
    assertRedirects(response, reverse("operations:operation-detail", args=[operation.pk]))
    assert {item.params["protected_item"] for item in operation.items.all()} == {item.pk for item in items}


def test_only_own_devices_are_run_again(reseller, outsider):
    mine = failed(tenant=reseller.tenant)
    failed(tenant=outsider.tenant)

    reseller.client().post(RUN, {"cause": f"7002:{UNREACHABLE}"})

    items = Operation.objects.get().items.all()
    assert [item.params["protected_item"] for item in items] == [mine.pk]


def test_a_cause_that_has_gone_starts_nothing(provider):
    response = provider.client().post(RUN, {"cause": "7002:Gone"})

    assertContains(response, "No device fails for this reason any more", status_code=422)
    assert not Operation.objects.exists()


@pytest.mark.parametrize("cause", ["", "x", "7002", "70020000:x", "7002:" + "x" * 10_000, "²:x"])
def test_what_is_no_cause_is_missing(provider, cause):
    client = provider.client()

    assert client.post(RUN, {"cause": cause}).status_code == 404
    assert client.get(CONFIRM, {"cause": cause}).status_code == 404
    assert client.get(PAGE, {"cause": cause}).status_code == 200


def test_a_cause_survives_its_address():
    for cause in (Cause(7002, "a: b: c"), Cause(7004, ""), Cause(7002, " spaced ")):
        assert Cause.parse(str(cause)) == cause


def test_running_needs_the_permission(reseller, nobody):
    failed(tenant=reseller.tenant)
    viewer = person(reseller.tenant, "viewer").client()
    cause = {"cause": f"7002:{UNREACHABLE}"}

    assertNotContains(viewer.get(PAGE), "Run backup")
    assert viewer.get(CONFIRM, cause).status_code == 403
    assert viewer.post(RUN, cause).status_code == 403
    assert nobody.client().get(PAGE).status_code == 403


def test_wrong_methods_are_refused(provider):
    client = provider.client()

    assert client.post(PAGE).status_code == 405
    assert client.post(CONFIRM).status_code == 405
    assert client.get(RUN).status_code == 405


def test_hostile_messages_are_shown_as_text(provider):
    failed(HOSTILE, device=DeviceFactory(name=HOSTILE))
    client = provider.client()
    cause = {"cause": f"7002:{HOSTILE}"}

    for response in (client.get(PAGE, cause), client.get(CONFIRM, cause)):
        assertContains(response, "&lt;script&gt;")
        assertNotContains(response, HOSTILE)


def test_all_well_is_said(provider):
    ProtectedItemFactory(last_state="succeeded")

    assertContains(provider.client().get(PAGE), "Nothing needs attention")
