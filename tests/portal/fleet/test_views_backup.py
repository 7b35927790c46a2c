"""Starting backups from the pages of Devices."""

import pytest
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from portal.operations.models import Operation
from tests.cast import person
from tests.factories import DeviceFactory, ProtectedItemFactory, StorageVaultFactory

PARTIAL = {"HX-Request": "true"}


def url(name, *args):
    return reverse(f"fleet:{name}", args=args)


def test_a_viewer_may_look_and_not_run(reseller):
    viewer = person(reseller.tenant, "viewer")
    item = ProtectedItemFactory(tenant=reseller.tenant)
    client = viewer.client()

    assertNotContains(client.get(url("device-list")), "Run backup")
    assertNotContains(client.get(url("device-detail", item.device_id)), "Run backup")
    assert client.get(url("backup-confirm"), {"device": item.device_id}).status_code == 403
    assert client.post(url("backup-run"), {"device": item.device_id}).status_code == 403


def test_only_own_devices_can_be_run(reseller, outsider):
    item = ProtectedItemFactory(tenant=reseller.tenant)

    response = outsider.client().post(url("backup-run"), {"device": item.device_id})

    assert response.status_code == 404
    assert not Operation.objects.exists()


def test_the_confirmation_names_what_will_run(provider):
    online = DeviceFactory(name="ALPHA", connections=1)
    offline = DeviceFactory(name="BETA")

    one = provider.client().get(url("backup-confirm"), {"device": online.pk})
    two = provider.client().get(url("backup-confirm"), {"selected": [online.pk, offline.pk]})

    assertContains(one, "Run backup on ALPHA")
    assertContains(one, 'name="item"')
    assertContains(two, "Run backup on 2 devices")
    assertContains(two, "1 of them is offline")
    assertNotContains(two, 'name="item"')


def test_all_that_match_are_named_by_their_filters(provider):
    for number in range(3):
        ProtectedItemFactory(device=DeviceFactory(name=f"SHOP-{number}"))
    ProtectedItemFactory(device=DeviceFactory(name="OFFICE"))
    chosen = {"q": "shop", "all_matching": "1", "selected": ["1"]}
    client = provider.client()

    asked = client.get(url("backup-confirm"), chosen)
    client.post(url("backup-run"), {"q": "shop", "all_matching": "1"})

    assertContains(asked, "Run backup on 3 devices")
    assertContains(asked, '<input type="hidden" name="q" value="shop">')
    assert Operation.objects.get().items.count() == 3


def test_a_backup_is_started_and_its_operation_opened(provider):
    item = ProtectedItemFactory()

    response = provider.client().post(url("backup-run"), {"device": item.device_id})

    operation = Operation.objects.get()
    assertRedirects(response, reverse("operations:operation-detail", args=[operation.pk]))
    assert operation.items.get().params["protected_item"] == item.pk


def test_htmx_is_led_to_the_operation(provider):
    item = ProtectedItemFactory()

    response = provider.client().post(url("backup-run"), {"device": item.device_id}, headers=PARTIAL)

    assert response["HX-Redirect"] == reverse(
        "operations:operation-detail", args=[Operation.objects.get().pk]
    )


def test_one_item_and_vault_can_be_chosen(provider):
    item = ProtectedItemFactory()
    ProtectedItemFactory(device=item.device)
    vault = StorageVaultFactory(profile=item.profile)

    provider.client().post(url("backup-run"), {"device": item.device_id, "item": item.pk, "vault": vault.pk})

    assert Operation.objects.get().items.get().params == {"protected_item": item.pk, "vault": vault.pk}


@pytest.mark.parametrize("field", ["item", "vault"])
def test_an_item_or_vault_of_another_device_is_refused(provider, field):
    item = ProtectedItemFactory()
    foreign = {"item": ProtectedItemFactory().pk, "vault": StorageVaultFactory().pk}

    response = provider.client().post(url("backup-run"), {"device": item.device_id, field: foreign[field]})

    assertContains(response, "not one of the available choices", status_code=422)
    assert not Operation.objects.exists()


def test_a_device_without_items_says_so(provider):
    response = provider.client().post(url("backup-run"), {"device": DeviceFactory().pk})

    assertContains(response, "no protected item", status_code=422)


def test_no_device_at_all_starts_nothing(provider):
    response = provider.client().post(url("backup-run"), {})

    assertContains(response, "No device is selected", status_code=422)


@pytest.mark.parametrize("ids", [["abc"], ["-1"], ["9" * 30], ["0"]])
def test_ids_of_no_device_are_missing(provider, ids):
    assert provider.client().post(url("backup-run"), {"device": ids}).status_code == 404


def test_five_hundred_devices_are_named_at_most(provider):
    assert provider.client().post(url("backup-run"), {"device": [1] * 501}).status_code == 400
