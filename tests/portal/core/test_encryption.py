"""Sealed secrets."""

import pytest
from cryptography.fernet import Fernet
from django.db import connection

from portal.core.encryption import MASK, Secret, SecretUnreadable
from portal.servers.models import CometServer
from tests.factories import CometServerFactory


@pytest.fixture
def keys(settings):
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    return settings.ENCRYPTION_KEYS


def test_a_secret_never_shows_itself(keys):
    secret = Secret.seal("hunter2-hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {[secret]}"
    assert str(secret) == MASK
    assert secret.reveal() == "hunter2-hunter2"


@pytest.mark.django_db
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
