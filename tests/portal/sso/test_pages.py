"""The launcher and the embedding page: what they tell, and what they let a browser do."""

import pytest
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from portal.sso.doors import browser_address, origin_of
from portal.sso.models import Launch
from tests.factories import CometServerFactory, LaunchFactory, OrganizationFactory
from tests.portal.sso.conftest import door_url, fetch_key, open_door

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(provider):
    return CometServerFactory(
        name="fr-par-1",
        browser_url="https://comet.example.com:8443/",
        password="secret",
        admin_username="root",
    )


def embedded_page(client, launch, **options):
    return client.get(reverse("sso:launch-embedded", args=[launch.pk]), **options)


def test_the_launcher_says_who_one_will_be_where_and_for_how_long(server, provider):
    response = provider.client().get(door_url(server))

    assertContains(response, "root (Server administrator)")
    assertContains(response, "https://comet.example.com:8443/")
    assertContains(response, "30 minutes at most")


def test_the_launcher_lets_its_window_keep_its_opener(server, provider):
    response = provider.client().get(door_url(server))

    assert response["Cross-Origin-Opener-Policy"] == "same-origin-allow-popups"


def test_the_launcher_tells_its_script_the_exact_origin(server, provider):
    assertContains(provider.client().get(door_url(server)), 'data-origin="https://comet.example.com:8443"')


def test_the_launcher_says_why_it_cannot_be_opened(server, provider):
    server.password = None
    server.save()

    assertContains(provider.client().get(door_url(server)), "by a session key alone")


def test_the_top_level_is_no_organization_to_administer(server, provider):
    top_level = OrganizationFactory(server=server, organization_id="")

    assert provider.client().get(door_url(top_level)).status_code == 404


def test_an_organization_is_found_on_its_own_server_only(server, provider):
    elsewhere = OrganizationFactory()

    url = reverse("sso:organization-launch", args=[server.pk, elsewhere.pk])

    assert provider.client().get(url).status_code == 404


def test_http_is_not_embedded_in_https(server, provider):
    server.browser_url = "http://comet.example.com:8060"
    server.save()
    client = provider.client()

    assertContains(client.get(door_url(server), secure=True), "plain http")
    refused = client.post(door_url(server), {"reason": "Ticket 4711", "embedded": "1"}, secure=True)

    assert refused.status_code == 409
    assert not Launch.objects.exists()
    assertNotContains(client.get(door_url(server)), "plain http")


def test_the_embedding_page_frames_that_origin_alone(linked, provider):
    client = provider.client()
    response = open_door(client, linked, embedded="1")

    page = client.get(response.url)

    policy = dict(part.strip().partition(" ")[::2] for part in page["Content-Security-Policy"].split(";"))
    assert policy["frame-src"] == origin_of(linked.browser_url)
    assertContains(page, 'referrerpolicy="no-referrer"')
    assertContains(page, f"Embedded: signed in to {linked.name} as {linked.admin_username}")
    assert "no-store" in page["Cache-Control"]


def test_no_other_page_frames_anything(provider, server):
    assert "frame-src 'none'" in provider.client().get(door_url(server))["Content-Security-Policy"]


def test_the_embedding_page_signs_in_once(linked, provider):
    client = provider.client()
    open_door(client, linked, embedded="1")
    launch = Launch.objects.get()
    fetch_key(client, launch)

    page = embedded_page(client, launch)

    assertContains(page, "This sign-in was used already")
    assertNotContains(page, "<iframe")


def test_a_launch_is_shown_to_nobody_else(server, provider, technician):
    launch = LaunchFactory(user=technician.user, server=server, tenant=server.tenant)

    assert embedded_page(provider.client(), launch).status_code == 404
    assert provider.client().post(reverse("sso:launch-end", args=[launch.pk])).status_code == 404


def test_what_one_has_open_can_be_ended_from_any_session(server, provider):
    launch = LaunchFactory(user=provider.user, server=server, tenant=server.tenant)
    client = provider.client()
    url = reverse("sso:launch-end", args=[launch.pk])
    assertContains(client.get(door_url(server)), url)

    client.post(url)

    launch.refresh_from_db()
    assert launch.state == Launch.State.ENDING


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Comet.Example.com/", "https://comet.example.com"),
        ("https://comet.example.com:443/x", "https://comet.example.com"),
        ("http://comet.example.com:80", "http://comet.example.com"),
        ("http://127.0.0.1:8060", "http://127.0.0.1:8060"),
        ("https://[2001:db8::1]:8443/", "https://[2001:db8::1]:8443"),
        ("https://bücher.example/", "https://xn--bcher-kva.example"),
    ],
)
def test_origins_are_written_as_browsers_do(url, origin):
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    ("own", "host", "address"),
    [
        ("", "acme.example.com", "https://acme.example.com:8443/"),
        ("https://backup.acme.example", "acme.example.com", "https://backup.acme.example"),
        ("", "", "https://comet.example.com:8443/"),
    ],
)
def test_an_organization_is_reached_at_its_own_address(server, own, host, address):
    assert browser_address(server, OrganizationFactory(server=server, browser_url=own, host=host)) == address
