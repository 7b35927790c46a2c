"""Pages of Devices and User Profiles: who sees what, what it costs, filters."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains

from portal.fleet.selectors import Cause
from tests.cast import person
from tests.factories import (
    DeviceDayFactory,
    DeviceFactory,
    JobFactory,
    PolicyFactory,
    ProtectedItemFactory,
    StorageVaultFactory,
    UserProfileFactory,
    provider_tenant,
)

DEVICES = "fleet:device-list"
USERS = "fleet:user-list"
PARTIAL = {"HX-Request": "true"}
HOSTILE = "<script>alert(1)</script>"


def names_in(response, *candidates):
    text = response.content.decode()
    return {name for name in candidates if name in text}


def url(name, *args):
    return reverse(f"fleet:{name}", args=args)


@pytest.mark.parametrize("name", [DEVICES, USERS, "fleet:device-export", "fleet:user-export"])
def test_lists_show_own_rows_only(reseller, outsider, name):
    DeviceFactory(name="OWN-PC", profile__username="own-user", tenant=reseller.tenant)
    DeviceFactory(name="FOREIGN-PC", profile__username="foreign-user", tenant=outsider.tenant)

    response = reseller.client().get(reverse(name))
    text = (b"".join(response.streaming_content) if response.streaming else response.content).decode()

    assert "own-user" in text
    assert "foreign-user" not in text
    assert "FOREIGN-PC" not in text


def test_a_customer_sees_the_devices_of_its_own_tenant(customer, reseller):
    DeviceFactory(name="MINE", tenant=customer.tenant)
    DeviceFactory(name="RESELLERS", tenant=reseller.tenant)

    assert names_in(customer.client().get(reverse(DEVICES)), "MINE", "RESELLERS") == {"MINE"}


def test_details_of_foreign_rows_are_missing(reseller, outsider):
    device = DeviceFactory(tenant=reseller.tenant)

    for page in (url("device-detail", device.pk), url("user-detail", device.profile_id)):
        assert reseller.client().get(page).status_code == 200
        assert outsider.client().get(page).status_code == 404


def test_an_id_beyond_all_ids_is_missing(provider):
    assert provider.client().get(f"/devices/{10**30}/").status_code == 404


@pytest.mark.parametrize(
    "name", ["device-list", "device-export", "backup-confirm", "user-list", "user-export"]
)
def test_pages_are_refused_without_the_permission(nobody, name):
    assert nobody.client().get(url(name)).status_code == 403


def test_wrong_methods_are_refused(provider):
    device = DeviceFactory()
    client = provider.client()
    assert client.get(url("backup-run")).status_code == 405
    for name in ("device-list", "device-export", "backup-confirm", "user-list", "user-export"):
        assert client.post(url(name)).status_code == 405
    assert client.post(url("device-detail", device.pk)).status_code == 405
    assert client.post(url("user-detail", device.profile_id)).status_code == 405


@pytest.mark.parametrize("name", [DEVICES, USERS])
def test_thirty_rows_cost_the_queries_of_three(provider, name):
    def queries():
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert provider.client().get(reverse(name), headers=PARTIAL).status_code == 200
        return len(captured)

    for _ in range(3):
        DeviceDayFactory(device=DeviceFactory())
    few = queries()
    for _ in range(27):
        DeviceDayFactory(device=DeviceFactory())
    assert queries() == few


def test_a_device_page_costs_a_fixed_number_of_queries(provider):
    device = DeviceFactory()
    page = url("device-detail", device.pk)

    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert provider.client().get(page, headers=PARTIAL).status_code == 200
        return len(captured)

    def fill(count):
        for _ in range(count):
            ProtectedItemFactory(device=device)
            StorageVaultFactory(profile=device.profile)
            JobFactory(device=device)

    fill(1)
    few = queries()
    fill(8)
    assert queries() == few


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({"q": "alph"}, {"ALPHA"}),
        ({"q": "ben@"}, {"BETA"}),
        ({"q": "Bakery"}, {"BETA"}),
        ({"state": "failed"}, {"ALPHA"}),
        ({"online": "yes"}, {"BETA"}),
        ({"online": "no"}, {"ALPHA"}),
        ({"platform": "linux"}, {"BETA"}),
        ({"platform": "windows"}, {"ALPHA"}),
        ({"platform": "other"}, set()),
        ({"silent": "on"}, {"ALPHA"}),
        ({"state": "failed", "online": "yes"}, set()),
        ({}, {"ALPHA", "BETA"}),
    ],
)
def test_filters_narrow_the_device_list(provider, query, shown):
    long_ago = timezone.now() - timedelta(days=5)
    DeviceFactory(name="ALPHA", state="failed", item_count=1, last_seen_at=long_ago, last_success_at=long_ago)
    DeviceFactory(
        name="BETA",
        profile=UserProfileFactory(username="ben@example.com", account_name="Bakery"),
        state="succeeded",
        connections=1,
        item_count=1,
        platform="linux/arm64",
    )

    response = provider.client().get(reverse(DEVICES), query, headers=PARTIAL)

    assert names_in(response, "ALPHA", "BETA") == shown


def test_devices_are_found_by_server_user_and_cause(provider):
    item = ProtectedItemFactory(
        device=DeviceFactory(name="ALPHA"), last_state="failed", last_status=7002, last_message="Disk: full"
    )
    ProtectedItemFactory(
        device=DeviceFactory(name="BETA"), last_state="failed", last_status=7002, last_message="Disk"
    )
    alpha = item.device

    for query in (
        {"server": alpha.server_id},
        {"user": alpha.profile_id},
        {"cause": str(Cause(7002, "Disk: full"))},
        {"tenant": alpha.placement.tenant_id},
    ):
        response = provider.client().get(reverse(DEVICES), query, headers=PARTIAL)
        assert names_in(response, "ALPHA", "BETA") == {"ALPHA"}, query


def test_a_device_with_a_recent_backup_is_not_silent(provider):
    long_ago = timezone.now() - timedelta(days=5)
    common = {"item_count": 1, "last_seen_at": long_ago}
    DeviceFactory(name="BACKED-UP", last_success_at=timezone.now(), **common)
    DeviceFactory(name="CONNECTED", connections=1, **common)
    DeviceFactory(name="NOTHING-TO-BACK-UP", item_count=0, last_seen_at=long_ago)
    DeviceFactory(name="NEVER-HEARD-OF", item_count=1)

    response = provider.client().get(reverse(DEVICES), {"silent": "on"}, headers=PARTIAL)

    names = ("BACKED-UP", "CONNECTED", "NOTHING-TO-BACK-UP", "NEVER-HEARD-OF")
    assert names_in(response, *names) == {"NEVER-HEARD-OF"}


@pytest.mark.parametrize("name", [DEVICES, USERS])
@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"q": "x" * 10_000}, "at most 100 characters"),
        ({"q": HOSTILE}, "cannot be used here"),
        ({"q": "a\u202eb"}, "invisible character"),
        ({"q": "a\x00b"}, "Null characters are not allowed"),
        ({"server": "zz"}, "not one of the available choices"),
        ({"server": "9" * 40}, "not one of the available choices"),
        ({"tenant": "1' OR 1=1"}, "not one of the available choices"),
    ],
)
def test_values_that_cannot_be_used_are_told(provider, name, query, message):
    DeviceFactory(name="ALPHA", profile__username="alpha-user")

    for headers in ({}, PARTIAL):
        response = provider.client().get(reverse(name), query, headers=headers)
        assertContains(response, message, status_code=422)
        assertNotContains(response, "alpha-user", status_code=422)
        assertNotContains(response, HOSTILE, status_code=422)


@pytest.mark.parametrize(
    "query", [{"state": "sad"}, {"online": "maybe"}, {"platform": "amiga"}, {"user": "0"}, {"cause": "x"}]
)
def test_a_device_filter_refuses_what_it_does_not_know(provider, query):
    assert provider.client().get(reverse(DEVICES), query, headers=PARTIAL).status_code == 422


def test_another_tenants_server_cannot_be_chosen(reseller, outsider):
    device = DeviceFactory(tenant=outsider.tenant)
    client = reseller.client()

    for query in ({"server": device.server_id}, {"user": device.profile_id}):
        assert client.get(reverse(DEVICES), query).status_code == 422
    assertNotContains(client.get(reverse(DEVICES)), device.server.name)


def test_filters_in_force_are_chips_that_can_be_dropped(provider):
    DeviceFactory(name="ALPHA", state="failed")

    response = provider.client().get(
        reverse(DEVICES), {"state": "failed", "q": "alp", "after": "x"}, headers=PARTIAL
    )

    assertContains(response, "State: Failed")
    assertContains(response, 'href="/devices/?q=alp"')
    assertContains(response, 'href="/devices/?state=failed"')


def test_hostile_names_are_shown_as_text(provider):
    profile = UserProfileFactory(username=HOSTILE, account_name=HOSTILE, email=HOSTILE)
    device = DeviceFactory(name=HOSTILE, profile=profile, client_version=HOSTILE[:40], os_version=HOSTILE)
    ProtectedItemFactory(
        device=device, name=HOSTILE, engine=HOSTILE, last_message=HOSTILE, last_state="failed"
    )
    StorageVaultFactory(profile=profile, name=HOSTILE)
    client = provider.client()

    for page in (
        url("device-list"),
        url("device-detail", device.pk),
        url("user-list"),
        url("user-detail", profile.pk),
        f"{url('backup-confirm')}?device={device.pk}",
    ):
        response = client.get(page)
        assertContains(response, "&lt;script&gt;")
        assertNotContains(response, HOSTILE)


def test_a_device_page_shows_what_it_has(provider):
    device = DeviceFactory(name="ALPHA", connections=2, platform="darwin/arm64", client_version="25.9.8")
    ProtectedItemFactory(device=device, name="Photos", last_state="failed", last_message="Disk full")
    StorageVaultFactory(profile=device.profile, name="Cloud", size_bytes=512 * 2**20, limit_bytes=2**30)
    JobFactory(device=device, item_name="Photos of May")
    DeviceDayFactory(device=device, failed=1, succeeded=2)

    response = provider.client().get(url("device-detail", device.pk))

    for text in ("Online (2)", "macOS, ARM 64-bit", "Photos", "Disk full", "512 MiB of 1.00 GiB", "50 %"):
        assertContains(response, text)
    assertContains(response, "Photos of May")
    assertContains(response, "1 failed, 2 succeeded")
    assertContains(response, url("backup-confirm"))
    assertContains(response, reverse("sso:user-launch", args=[device.profile_id]))


def test_a_person_without_job_view_sees_no_jobs_of_a_device(reseller):
    billing = person(reseller.tenant, "billing")
    job = JobFactory(tenant=reseller.tenant, item_name="Ledger")

    response = billing.client().get(url("device-detail", job.device_id))

    assertNotContains(response, "Ledger")
    assertNotContains(response, reverse("sso:user-launch", args=[job.profile_id]))


def test_a_user_page_shows_policy_suspension_and_age(provider):
    profile = UserProfileFactory(
        policy_guid="p1", is_suspended=True, synced_at=timezone.now() - timedelta(minutes=12)
    )
    PolicyFactory(server=profile.server, guid="p1", name="Gold")
    PolicyFactory(guid="p1", name="Of another server")
    DeviceFactory(profile=profile, name="ALPHA")

    response = provider.client().get(url("user-detail", profile.pk))

    for text in ("Gold", "Suspended", "12 min ago", "ALPHA"):
        assertContains(response, text)
    assertNotContains(response, "Of another server")


@pytest.mark.parametrize(
    ("query", "shown"),
    [({"q": "bak"}, {"user-b"}), ({"suspended": "on"}, {"user-a"}), ({}, {"user-a", "user-b"})],
)
def test_filters_narrow_the_user_list(provider, query, shown):
    UserProfileFactory(username="user-a", is_suspended=True)
    UserProfileFactory(username="user-b", account_name="Bakery")

    response = provider.client().get(reverse(USERS), query, headers=PARTIAL)

    assert names_in(response, "user-a", "user-b") == shown


def test_users_are_sorted_by_size(provider):
    for size in (5, 9, 1):
        UserProfileFactory(username=f"size-{size}", vault_size_bytes=size)

    page = provider.client().get(reverse(USERS), {"sort": "-size"}, headers=PARTIAL).content.decode()

    assert page.index("size-9") < page.index("size-5") < page.index("size-1")


def test_an_empty_list_says_why(provider):
    provider_tenant()
    client = provider.client()

    assertContains(client.get(reverse(DEVICES)), "No devices yet")
    assertContains(client.get(reverse(USERS)), "No users yet")
    assertContains(client.get(reverse(DEVICES), {"q": "none such"}), "No devices match these filters")
