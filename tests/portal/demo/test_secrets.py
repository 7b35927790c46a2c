import json
import stat

import pytest

from portal.core.environment import DEMO_KEY_PREFIX
from portal.demo import secrets
from portal.demo.errors import DemoError


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_keys_and_passwords_are_made_once(data):
    assert secrets.prepare(data) is True
    first = ((data / "demo.env").read_text(), secrets.load(data))
    assert secrets.prepare(data) is False
    assert ((data / "demo.env").read_text(), secrets.load(data)) == first


def test_two_installations_share_nothing(tmp_path):
    secrets.prepare(tmp_path / "one")
    secrets.prepare(tmp_path / "two")
    one, two = secrets.load(tmp_path / "one"), secrets.load(tmp_path / "two")
    assert not set(one.passwords.values()) & set(two.passwords.values())
    assert not set(one.totp_seeds.values()) & set(two.totp_seeds.values())


def test_only_the_owner_may_read_them(data):
    secrets.prepare(data)
    assert mode(data) == 0o700
    assert mode(data / "demo.env") == 0o600
    assert mode(data / "demo.json") == 0o600


def test_keys_carry_the_mark_that_production_refuses(data):
    secrets.prepare(data)
    lines = [line.partition("=") for line in (data / "demo.env").read_text().splitlines()]
    keys = {name: value for name, equals, value in lines if equals}
    assert set(keys) == {"SECRET_KEY", "ENCRYPTION_KEYS", "AUDIT_KEY"}
    assert all(value.startswith(DEMO_KEY_PREFIX) for value in keys.values())


def test_a_password_added_later_is_made_and_the_others_stay(data):
    secrets.prepare(data)
    content = json.loads((data / "demo.json").read_text())
    del content["passwords"]["customer"]
    (data / "demo.json").write_text(json.dumps(content))
    secrets.prepare(data)
    known = secrets.load(data).passwords
    assert known["owner"] == content["passwords"]["owner"]
    assert len(known["customer"]) == 16


def test_a_key_added_later_is_made_and_the_others_stay(data):
    secrets.prepare(data)
    lines = (data / "demo.env").read_text().splitlines(keepends=True)
    older = [line for line in lines if not line.startswith("AUDIT_KEY=")]
    (data / "demo.env").write_text("".join(older))

    assert secrets.prepare(data) is False

    now = (data / "demo.env").read_text().splitlines(keepends=True)
    assert now[:-1] == older
    assert now[-1].startswith(f"AUDIT_KEY={DEMO_KEY_PREFIX}")


def test_nothing_shows_in_a_repr(data):
    secrets.prepare(data)
    known = secrets.load(data)
    assert not any(value in repr(known) for value in (*known.passwords.values(), *known.totp_seeds.values()))


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DemoError, match=r"Cannot write to .*file/data \(Not a directory\)"):
        secrets.prepare(tmp_path / "file" / "data")


def test_a_damaged_file_says_how_to_start_afresh(data):
    secrets.prepare(data)
    (data / "demo.json").write_text("{")
    with pytest.raises(DemoError, match=r"Delete .* to start afresh"):
        secrets.load(data)
