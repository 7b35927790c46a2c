"""`manage.py secrets`: keys change while the portal runs, and nothing is lost on the way."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import connection

from portal.core import sealed
from portal.core.encryption import Secret
from portal.core.key_state import State, look
from portal.core.keys import current_keys, key_of
from portal.core.rotation import census, reseal, rotate
from portal.core.sealed import Place, list_places, register_sealed_json
from portal.operations.models import OperationItem
from portal.servers.models import CometServer, Organization
from portal.sso.models import Launch
from tests.factories import CometServerFactory, LaunchFactory, OperationItemFactory, OrganizationFactory
from tests.portal.operations.test_worker import database_url

ROOT = Path(__file__).resolve().parents[3]


def new_key() -> str:
    return Fernet.generate_key().decode()


@pytest.fixture
def old_key(settings, db):
    settings.ENCRYPTION_KEYS = [new_key()]
    look()
    return settings.ENCRYPTION_KEYS[0]


@pytest.fixture
def json_place(monkeypatch):
    """A JSON column that holds sealed values."""
    monkeypatch.setattr(sealed, "_json_places", set(sealed._json_places))
    register_sealed_json("operations.OperationItem", "result")


def run(*arguments: str, **options: object) -> None:
    call_command("secrets", *arguments, **options)


def sealed_with(key: object) -> set[bool]:
    """Whether the newest key sealed them: one entry where they agree."""
    tokens = [server.password.token for server in CometServer.objects.all()]
    return {key_of(token, current_keys()) is key for token in tokens}


def test_every_secret_field_of_every_model_is_known():
    labels = {str(place) for place in list_places()}
    assert {
        "servers.CometServer.password",
        "servers.CometServer.session_key",
        "servers.Organization.admin_password",
        "sso.Launch.session_key",
    } <= labels


def test_rotation_reaches_every_place_and_then_the_old_key_may_go(old_key, settings, json_place, capsys):
    server = CometServerFactory(password="of the server", session_key="a polling key")
    OrganizationFactory(server=server, admin_password="of the organization")
    LaunchFactory(server=server, session_key="of the launch")
    seed = Secret.seal("a seed").token
    codes = [Secret.seal("one").token, Secret.seal("two").token]
    item = OperationItemFactory(result={"secret": seed, "codes": codes, "plain": "left alone", "used": 3})
    settings.ENCRYPTION_KEYS = [new_key(), old_key]

    run("rotate")

    assert "the old keys may be removed" in capsys.readouterr().out
    settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS[:1]
    assert look().state == State.READY
    assert CometServer.objects.get().password.reveal() == "of the server"
    assert CometServer.objects.get().session_key.reveal() == "a polling key"
    assert Organization.objects.get().admin_password.reveal() == "of the organization"
    assert Launch.objects.get().session_key.reveal() == "of the launch"
    item.refresh_from_db()
    assert Secret(item.result["secret"]).reveal() == "a seed"
    assert [Secret(code).reveal() for code in item.result["codes"]] == ["one", "two"]
    assert (item.result["plain"], item.result["used"]) == ("left alone", 3)


def test_a_second_run_writes_nothing(old_key, settings):
    CometServerFactory(password="of the server")
    settings.ENCRYPTION_KEYS = [new_key(), old_key]
    run("rotate")
    before = CometServer.objects.get().password.token

    run("rotate")

    assert CometServer.objects.get().password.token == before


def test_a_dry_run_counts_and_changes_nothing(old_key, settings, capsys):
    CometServerFactory(password="of the server")
    before = CometServer.objects.get().password.token
    settings.ENCRYPTION_KEYS = [new_key(), old_key]

    run("rotate", dry_run=True)

    assert "1 would be sealed anew. Nothing was changed." in capsys.readouterr().out
    assert CometServer.objects.get().password.token == before


def test_what_no_key_opens_is_named_and_left_as_it_is(old_key, settings, capsys):
    server = CometServerFactory(password="of the server")
    lost = Fernet(new_key()).encrypt(b"lost").decode()
    CometServer.objects.update(session_key=Secret(lost))
    settings.ENCRYPTION_KEYS = [new_key(), old_key]

    with pytest.raises(CommandError, match="not in ENCRYPTION_KEYS: 1 secret"):
        run("rotate")

    said = capsys.readouterr().out
    assert f"cannot be read: servers.CometServer.session_key of {server.pk}" in said
    assert "may be removed" not in said
    assert CometServer.objects.get().session_key.token == lost
    assert sealed_with(current_keys()[0]) == {True}
    with pytest.raises(CommandError):
        run("check")


def test_the_check_counts_by_key(old_key, settings, capsys):
    CometServerFactory(password="of the server")
    settings.ENCRYPTION_KEYS = [new_key(), old_key]
    CometServerFactory(password="of another")

    run("check")

    said = capsys.readouterr().out
    assert "newest): 1 secret" in said
    assert "older): 1 secret" in said
    assert old_key not in said


@pytest.mark.parametrize("act", ["rotate", "check"])
@pytest.mark.parametrize("keys", [[], ["damaged"], None])
def test_with_wrong_keys_nothing_is_rotated(old_key, settings, act, keys):
    CometServerFactory(password="of the server")
    before = CometServer.objects.get().password.token
    settings.ENCRYPTION_KEYS = [new_key()] if keys is None else keys

    with pytest.raises(CommandError):
        run(act)

    assert CometServer.objects.get().password.token == before


def test_a_new_key_is_one_that_can_be_used(capsys):
    run("new-key")
    Fernet(capsys.readouterr().out.strip())


def test_a_lost_key_is_accepted_by_hand(old_key, settings, capsys, monkeypatch):
    CometServerFactory(password="of the server")
    settings.ENCRYPTION_KEYS = [new_key()]
    monkeypatch.setattr("builtins.input", lambda: "no")
    with pytest.raises(CommandError, match="Nothing was changed"):
        run("accept-loss")
    assert look().state == State.WRONG

    run("accept-loss", yes=True)

    assert look().state == State.READY
    assert "cannot be read: servers.CometServer.password" in capsys.readouterr().out
    run("accept-loss")
    assert "Nothing is lost" in capsys.readouterr().out


def test_a_secret_that_changed_since_it_was_read_is_left_to_whoever_changed_it(old_key, settings):
    server = CometServerFactory(password="before")
    held = CometServer.objects.get().password
    settings.ENCRYPTION_KEYS = [new_key(), old_key]
    CometServer.objects.update(password="typed meanwhile")

    assert reseal(Place(CometServer, "password", False), server.pk, held) is False
    assert CometServer.objects.get().password.reveal() == "typed meanwhile"


def test_json_that_changed_since_it_was_read_keeps_what_was_written(old_key, settings, json_place):
    item = OperationItemFactory(result={"secret": Secret.seal("a seed").token, "used": 1})
    held = OperationItem.objects.get().result
    settings.ENCRYPTION_KEYS = [new_key(), old_key]
    OperationItem.objects.update(result={**held, "used": 2})

    assert reseal(Place(OperationItem, "result", True), item.pk, held) is True

    result = OperationItem.objects.get().result
    assert result["used"] == 2
    assert key_of(result["secret"], current_keys()) is current_keys()[0]


@pytest.mark.django_db(transaction=True)
def test_credentials_that_change_all_the_while_survive(old_key, settings):
    server = CometServerFactory()
    rows = [OrganizationFactory(server=server, admin_password="at first").pk for _ in range(250)]
    settings.ENCRYPTION_KEYS = [new_key(), old_key]
    typed: dict[int, str] = {}
    ended = threading.Event()

    def type_new_ones() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            pk = rows[number * 7 % len(rows)]
            Organization.objects.filter(pk=pk).update(admin_password=f"typed {number}")
            typed[pk] = f"typed {number}"
        connection.close()

    typing = threading.Thread(target=type_new_ones)
    typing.start()
    try:
        left = rotate(lambda place, done: None)
    finally:
        ended.set()
        typing.join()

    assert left.older(current_keys()[0]) == 0
    assert typed
    kept = {found.pk: found.admin_password.reveal() for found in Organization.objects.all()}
    assert kept == dict.fromkeys(rows, "at first") | typed


@pytest.mark.django_db(transaction=True)
def test_a_run_that_is_killed_in_the_middle_is_simply_run_again(old_key, settings):
    server = CometServerFactory()
    sealed_before = Secret.seal("of an organization")
    Organization.objects.bulk_create(
        Organization(server=server, organization_id=f"o{n}", name="o", admin_password=sealed_before)
        for n in range(700)
    )
    settings.ENCRYPTION_KEYS = [new_key(), old_key]
    newest, oldest = current_keys()
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "ENCRYPTION_KEYS": ",".join(settings.ENCRYPTION_KEYS),
        "DJANGO_SETTINGS_MODULE": "portal.settings",
    }
    command = [sys.executable, "manage.py", "secrets", "rotate"]

    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as first:
        next(line for line in first.stdout if "sealed anew" in line)
        first.kill()
    half = census()
    assert 0 < half.by_key[newest.id] < 700
    assert half.by_key.total() == 700
    second = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)

    assert second.returncode == 0, second.stderr
    assert "may be removed" in second.stdout
    assert census().by_key == {newest.id: 700}
    assert oldest.id not in census().by_key
    assert {found.admin_password.reveal() for found in Organization.objects.all()} == {"of an organization"}
