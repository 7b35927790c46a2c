"""Sealed secrets."""

import pytest
from cryptography.fernet import Fernet
from django.db import connection

from portal.core.encryption import MASK, Secret, SecretUnreadable
from portal.servers.models import CometServer
from tests.factories import CometServerFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def keys(settings):
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    return settings.ENCRYPTION_KEYS


def test_a_secret_never_shows_itself(keys):
    secret = Secret.seal("hunter2-hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {[secret]}"
    assert str(secret) == MASK
    assert secret.reveal() == "hunter2-hunter2"


def test_the_database_holds_only_the_sealed_form(keys):
    server = CometServerFactory(password="hunter2-hunter2")
    with connection.cursor() as cursor:
        cursor.execute("SELECT password FROM servers_cometserver WHERE id = %s", [server.pk])
        stored = cursor.fetchone()[0]
    assert "hunter2" not in stored
    assert CometServer.objects.get(pk=server.pk).password.reveal() == "hunter2-hunter2"


def test_a_new_key_in_front_still_opens_old_secrets(keys, settings):
    secret = Secret.seal("value")
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *keys]
    assert secret.reveal() == "value"


def test_another_key_cannot_open_it(keys, settings):
    secret = Secret.seal("value")
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(SecretUnreadable):
        secret.reveal()


def test_without_a_key_nothing_is_stored(settings):
    settings.ENCRYPTION_KEYS = []
    with pytest.raises(SecretUnreadable):
        Secret.seal("value")


def test_a_key_that_is_not_this_installations_seals_nothing(keys, settings):
    """What it seals would be lost the moment the right key is back."""
    secret = Secret.seal("value")
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    with pytest.raises(SecretUnreadable, match="not the one that sealed"):
        Secret.seal("another value")

    settings.ENCRYPTION_KEYS = keys
    assert secret.reveal() == "value"


@pytest.mark.parametrize("wrong", ["", "too-short", "é" * 44, "x" * 44])
def test_a_damaged_key_is_named_by_its_place_and_never_shown(keys, settings, wrong):
    settings.ENCRYPTION_KEYS = [*keys, wrong]

    with pytest.raises(SecretUnreadable) as caught:
        Secret.seal("value")

    assert "Key 2 of 2 in ENCRYPTION_KEYS is no Fernet key" in str(caught.value)
    assert not wrong or wrong not in str(caught.value)
