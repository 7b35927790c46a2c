"""Pages of linked servers: what they show, what they refuse, what is typed wrongly."""

import pytest
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from portal.operations.models import Operation
from portal.servers.addresses import normalise_url
from portal.servers.models import CometServer
from tests.emulated import link, sync
from tests.factories import (
    CometServerFactory,
    OrganizationFactory,
    PlacementFactory,
    TenantFactory,
)

pytestmark = pytest.mark.django_db

RIGHT_TO_LEFT = "name\u202e"


def typed(emulator, **changes):
    return {
        "name": "fr-par-1",
        "api_url": emulator.url,
        "browser_url": "",
        "username": emulator.admin.name,
        "password": emulator.admin.password,
        "totp_code": "",
        "session_key": "",
        "own_admin": "auto",
        **changes,
    }


def post_link(emulator, person, **changes):
    data = typed(emulator, **changes) | {"tenant": person.tenant.pk}
    return person.client().post(reverse("servers:server-link"), data)


def test_linking_by_the_form_leads_to_the_server(emulator, technician):
    response = post_link(emulator, technician)

    server = CometServer.objects.get()
    assert response.status_code == 302
    assert response.url == reverse("servers:server-detail", args=[server.pk])
    assert (server.browser_url, server.tenant) == (emulator.url, technician.tenant)
    assert Operation.objects.get().kind == "server.sync"
    page = technician.client().get(response.url)
    assertContains(page, "fr-par-1")
    assertContains(page, "Not connected yet")
    assertNotContains(page, emulator.admin.password)


@pytest.mark.parametrize(
    ("changes", "opened"),
    [
        ({}, False),
        ({"totp_code": "123456"}, True),
        ({"totp_code": "12"}, True),
        ({"session_key": "key", "password": ""}, True),
        ({"own_admin": "yes"}, True),
        ({"own_admin": "nonsense"}, True),
        ({"browser_url": "https://backup.example.com"}, True),
    ],
)
def test_fields_that_few_need_are_folded_away_until_one_says_something(emulator, provider, changes, opened):
    response = post_link(emulator, provider, name="", **changes)

    assertContains(
        response, '<details class="more-fields" open>' if opened else '<details class="more-fields" >', 1, 422
    )


def test_what_the_server_refuses_comes_back_at_its_field_and_keeps_what_was_typed(emulator, provider):
    response = post_link(emulator, provider, password="wrong-password")

    assert response.status_code == 422
    assert list(response.context["form"].errors) == ["password"]
    assertContains(response, 'value="fr-par-1"', status_code=422)
    assertNotContains(response, "wrong-password", status_code=422)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 81),
        ("name", "<script>alert(1)</script>"),
        ("name", RIGHT_TO_LEFT),
        ("name", "x" * 10_000),
        ("api_url", ""),
        ("api_url", "backup.example.com"),
        ("api_url", "ftp://backup.example.com"),
        ("api_url", "https://"),
        ("api_url", "https://admin:secret@backup.example.com"),
        ("api_url", "https://backup.example.com/admin"),
        ("api_url", "https://backup.example.com?x=1"),
        ("api_url", "https://backup.example.com:port"),
        ("api_url", "https://backup.example.com:99999"),
        ("api_url", "https://backup.example.com:0"),
        ("api_url", "https://<script>"),
        ("api_url", "https://back\u202eup.example.com"),
        ("api_url", "https://[::zz]"),
        ("browser_url", "https://[fe80::1%eth0;sandbox]"),
        ("api_url", "https://" + "x" * 10_000),
        ("api_url", "https://-bad-.example.com"),
        ("browser_url", "javascript:alert(1)"),
        ("username", ""),
        ("username", "<b>admin</b>"),
        ("username", "x" * 256),
        ("password", ""),
        ("password", "x" * 10_000),
        ("password", "two\nlines"),
        ("totp_code", "12345"),
        ("totp_code", "abcdef"),
        ("session_key", "both-given"),
        ("own_admin", "perhaps"),
        ("tenant", "999999"),
        ("tenant", "x"),
    ],
)
def test_bad_input_gives_a_message_at_its_field_and_asks_no_server(provider, field, value, monkeypatch):
    monkeypatch.setattr("portal.servers.services.prove", lambda *_: pytest.fail("a server was asked"))
    TenantFactory()
    data = {
        "name": "fr-par-1",
        "api_url": "https://backup.example.com:8060",
        "username": "admin",
        "password": "secret",
        "own_admin": "auto",
        "tenant": provider.tenant.pk,
    }

    response = provider.client().post(reverse("servers:server-link"), data | {field: value})

    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assertNotContains(response, "<script>alert", status_code=422)
    assert CometServer.objects.count() == 0


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("  HTTPS://Backup.Example.COM/  ", "https://backup.example.com"),
        ("https://backup.example.com:443", "https://backup.example.com"),
        ("http://10.0.0.7:8060", "http://10.0.0.7:8060"),
        ("http://[FD00::1]:8060/", "http://[fd00::1]:8060"),
    ],
)
def test_addresses_are_stored_in_one_form(text, stored):
    assert normalise_url(text) == stored


def test_the_list_says_how_fresh_each_server_is_and_the_same_number_of_queries(
    provider, django_assert_max_num_queries
):
    def numbers(count):
        for _ in range(count):
            CometServerFactory(tenant=provider.tenant)
        client = provider.client()
        with django_assert_max_num_queries(30) as captured:
            response = client.get(reverse("servers:server-list"))
        assert response.status_code == 200
        return len(captured)

    assert numbers(3) == numbers(30)


def test_an_empty_list_says_what_to_do(provider, customer):
    assertContains(provider.client().get(reverse("servers:server-list")), "No Comet Server is linked yet")
    assert customer.client().get(reverse("servers:server-list")).status_code == 403


def test_the_server_page_shows_its_facts_organizations_and_ways_into_comet(provider):
    server = CometServerFactory(stream="down", last_sync_error="fr-par-1 did not answer", device_limit=50)
    organization = OrganizationFactory(server=server, name="Quill & Sons")
    PlacementFactory(
        server=server, organization_id=organization.organization_id, tenant=provider.tenant, is_unmapped=True
    )

    page = provider.client().get(reverse("servers:server-detail", args=[server.pk]))

    for text in (
        "fr-par-1 did not answer",
        "Stream down",
        "Quill &amp; Sons",
        "not placed yet",
        "of 50 devices",
    ):
        assertContains(page, text)
    assertContains(page, reverse("sso:server-launch", args=[server.pk]))
    assertContains(page, reverse("sso:organization-launch", args=[server.pk, organization.pk]))


URLS = ["server-detail", "server-edit", "server-unlink"]


@pytest.mark.parametrize("name", URLS)
def test_another_tenants_server_is_not_there(outsider, name):
    url = reverse(f"servers:{name}", args=[CometServerFactory().pk])

    assert outsider.client().get(url).status_code == 404


def test_syncing_another_tenants_server_is_not_there(outsider):
    server = CometServerFactory()

    response = outsider.client().post(reverse("servers:server-sync", args=[server.pk]))

    assert response.status_code == 404
    assert Operation.objects.count() == 0


def test_syncing_now_starts_one_operation_and_leads_to_the_one_under_way(technician):
    server = CometServerFactory()
    url = reverse("servers:server-sync", args=[server.pk])

    first, second = technician.client().post(url), technician.client().post(url)

    assert (
        first.url == second.url == reverse("operations:operation-detail", args=[Operation.objects.get().pk])
    )
    assert technician.client().get(url).status_code == 405


def test_unlinking_asks_for_the_name(provider):
    server = CometServerFactory(name="fr-par-1")
    url = reverse("servers:server-unlink", args=[server.pk])

    wrong = provider.client().post(url, {"confirm_name": "fr-par"})
    assert wrong.status_code == 422
    assertContains(wrong, "Type fr-par-1 exactly", status_code=422)
    assert Operation.objects.count() == 0

    right = provider.client().post(url, {"confirm_name": "fr-par-1"})

    operation = Operation.objects.get()
    assert (operation.kind, right.url) == (
        "server.unlink",
        reverse("operations:operation-detail", args=[operation.pk]),
    )
    server.refresh_from_db()
    assert server.unlinking_at is not None


def test_who_owns_a_server_reads_no_name_of_a_tenant_beyond_his_own(provider, reseller, outsider):
    server = CometServerFactory(tenant=reseller.tenant)
    moved = OrganizationFactory(server=server)
    PlacementFactory(server=server, organization_id=moved.organization_id, tenant=outsider.tenant)
    pages = [reverse("servers:server-detail", args=[server.pk]), reverse("placing:placement-list")]

    for page in pages:
        assertNotContains(reseller.client().get(page), outsider.tenant.name)
        assertContains(reseller.client().get(page), "lsewhere")
        assertContains(provider.client().get(page), outsider.tenant.name)
    way_in = reverse("sso:organization-launch", args=[server.pk, moved.pk])
    assertNotContains(reseller.client().get(pages[0]), way_in)
    assertContains(provider.client().get(pages[0]), way_in)


def test_editing_the_name_alone_asks_no_server(provider, monkeypatch):
    monkeypatch.setattr("portal.servers.services.prove", lambda *_: pytest.fail("a server was asked"))
    server = CometServerFactory()
    data = {
        "name": "renamed",
        "api_url": server.api_url,
        "username": server.admin_username,
        "own_admin": "auto",
    }

    response = provider.client().post(reverse("servers:server-edit", args=[server.pk]), data)

    assert response.status_code == 302
    server.refresh_from_db()
    assert (server.name, server.browser_url) == ("renamed", server.api_url)


def test_another_administrator_needs_a_password(provider):
    server = CometServerFactory()
    data = {"name": server.name, "api_url": server.api_url, "username": "other", "own_admin": "auto"}

    response = provider.client().post(reverse("servers:server-edit", args=[server.pk]), data)

    assert list(response.context["form"].errors) == ["password"]


def test_the_first_sync_shows_on_the_servers_page(emulator, provider):
    server = link(emulator, provider)
    sync(server, provider.user)

    page = provider.client().get(reverse("servers:server-detail", args=[server.pk]))

    assertContains(page, "Sync fr-par-1")
    assertContains(page, "No organization (top level)")
