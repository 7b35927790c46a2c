"""Whether the configured keys are those of this installation, and what the portal does when they are not."""

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.urls import reverse

from portal.core import key_state
from portal.core.encryption import Secret, SecretUnreadable
from portal.core.key_state import State, look
from portal.core.models import SealingKey
from portal.servers.models import CometServer
from tests.factories import CometServerFactory, OrganizationFactory

pytestmark = pytest.mark.django_db


def new_key() -> str:
    return Fernet.generate_key().decode()


@pytest.fixture
def keys(settings):
    """Keys that have sealed something here."""
    settings.ENCRYPTION_KEYS = [new_key()]
    Secret.seal("value")
    return settings.ENCRYPTION_KEYS


def test_the_first_key_leaves_a_check_value(keys):
    assert look().state == State.READY
    check = SealingKey.objects.get()
    assert keys[0] not in (check.key_id + check.check_value)


def test_another_key_is_the_wrong_one_and_leaves_none(keys, settings):
    settings.ENCRYPTION_KEYS = [new_key()]

    assert look().state == State.WRONG
    assert SealingKey.objects.count() == 1


def test_a_new_key_before_the_known_one_is_right(keys, settings):
    settings.ENCRYPTION_KEYS = [new_key(), *keys]

    assert look().state == State.READY
    assert SealingKey.objects.count() == 2


def test_a_key_taken_out_before_rotation_is_missed(keys, settings):
    newest = new_key()
    CometServerFactory(password="sealed with the key that is taken out")
    settings.ENCRYPTION_KEYS = [newest, *keys]
    look()
    settings.ENCRYPTION_KEYS = [newest]

    assert look().state == State.INCOMPLETE
    Secret.seal("with the newest, which is known here")


def test_a_key_that_sealed_nothing_that_is_left_is_not_missed(keys, settings):
    newest = new_key()
    settings.ENCRYPTION_KEYS = [newest, *keys]
    look()
    settings.ENCRYPTION_KEYS = [newest]

    assert look().state == State.READY
    assert SealingKey.objects.count() == 1


def test_an_installation_without_check_values_is_told_by_its_secrets(settings):
    settings.ENCRYPTION_KEYS = old = [new_key()]
    CometServerFactory(password="sealed before there were check values")
    SealingKey.objects.all().delete()

    settings.ENCRYPTION_KEYS = [new_key()]
    assert look().state == State.WRONG
    assert not SealingKey.objects.exists()
    settings.ENCRYPTION_KEYS = [new_key(), *old]
    assert look().state == State.READY
    assert SealingKey.objects.count() == 2


@pytest.mark.parametrize(("keys", "state"), [([], State.MISSING), (["no key"], State.MALFORMED)])
def test_missing_and_damaged_keys_are_told_apart(settings, keys, state):
    settings.ENCRYPTION_KEYS = keys
    assert look().state == state


def test_why_a_key_file_could_not_be_read_is_said(settings):
    settings.ENCRYPTION_KEYS = []
    settings.ENCRYPTION_KEYS_PROBLEM = "ENCRYPTION_KEYS_FILE names /keys, which cannot be read."
    assert "which cannot be read" in look().problem


@pytest.fixture
def server(keys):
    server = CometServerFactory(password="of the server")
    OrganizationFactory(server=server, admin_username="perihelion-1", admin_password="of the organization")
    return server


@pytest.fixture(params=["wrong", "missing", "malformed"])
def broken_keys(server, settings, request):
    broken = {"wrong": [new_key()], "missing": [], "malformed": ["damaged"]}
    settings.ENCRYPTION_KEYS = broken[request.param]


def stored() -> list[object]:
    servers = CometServer.objects.values_list("password", "credential_changed_at")
    return [*servers, *SealingKey.objects.values_list("key_id", "check_value")]


def test_pages_work_say_so_and_change_nothing(broken_keys, server, provider):
    before = stored()
    client = provider.client()

    for url in ("overview:home", "jobs:job-list", "servers:server-list", "accounts:person-list"):
        page = client.get(reverse(url))
        assert page.status_code == 200
        assert "ENCRYPTION_KEYS" in page.content.decode()
    detail = client.get(reverse("servers:server-detail", args=[server.pk])).content.decode()
    assert "Its credential cannot be read" in detail
    assert "Credential cannot be read" in client.get(reverse("servers:server-list")).content.decode()
    assert stored() == before


def test_health_tells_it(broken_keys, client):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["secrets"]) == (200, "unreadable")


def test_health_is_well_with_the_right_keys(keys, client):
    told = client.get("/healthz").json()
    assert (told["web"], told["database"], told["secrets"]) == ("up", "up", "readable")


def test_who_sees_no_server_is_told_nothing(broken_keys, customer):
    assert "ENCRYPTION_KEYS" not in customer.client().get(reverse("overview:home")).content.decode()


def test_who_does_not_run_the_portal_is_told_in_short(broken_keys, reseller):
    page = reseller.client().get(reverse("overview:home")).content.decode()
    assert "cannot read the credentials" in page
    assert "ENCRYPTION_KEYS" not in page


def test_a_credential_typed_meanwhile_is_refused_at_its_field(broken_keys, server, provider):
    before = stored()
    data = {
        "name": server.name,
        "api_url": server.api_url,
        "username": server.admin_username,
        "password": "a new password",
        "own_admin": "no",
    }

    answer = provider.client().post(reverse("servers:server-edit", args=[server.pk]), data)

    assert answer.status_code == 422
    assert "No credential can be stored at the moment" in answer.content.decode()
    assert stored() == before


def test_a_change_that_needs_no_secret_keeps_the_stored_one(broken_keys, server, provider):
    data = {
        "name": "renamed",
        "api_url": server.api_url,
        "username": server.admin_username,
        "own_admin": "no",
    }
    before = stored()

    answer = provider.client().post(reverse("servers:server-edit", args=[server.pk]), data)

    assert answer.status_code == 302
    assert stored() == before


def test_the_log_says_it_at_the_start_of_a_process(broken_keys, caplog):
    key_state.announce()
    assert "secrets.keys" in caplog.text


def test_a_check_of_the_database_says_it(keys, settings, capsys):
    settings.ENCRYPTION_KEYS = [new_key()]
    call_command("check", databases=["default"])
    assert "is not the one that sealed" in capsys.readouterr().err


def test_a_lost_key_can_be_accepted_and_destroys_nothing(server, keys, settings):
    lost = list(keys)
    settings.ENCRYPTION_KEYS = [new_key()]
    with pytest.raises(SecretUnreadable):
        Secret.seal("value")

    assert key_state.accept_loss() == 1

    assert look().state == State.READY
    Secret.seal("value")
    settings.ENCRYPTION_KEYS = [*settings.ENCRYPTION_KEYS, *lost]
    assert CometServer.objects.get().password.reveal() == "of the server"
