"""What production settings refuse to start with. Each is read by a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

ROOT = Path(__file__).resolve().parents[3]
GOOD = {"SECRET_KEY": "x" * 60, "ENCRYPTION_KEYS": Fernet.generate_key().decode()}
KINDS = "import portal.settings as s; print(s.ENV, s.EMAIL_BACKEND.split('.')[-2], s.ALLOWED_NETWORKS)"
KEYS = "import portal.settings as s; print(s.ENCRYPTION_KEYS, s.ENCRYPTION_KEYS_PROBLEM)"
INHERITED = ("PATH", "PERIHELION_DATA")


def start(code: str = KINDS, **environment: str) -> subprocess.CompletedProcess[str]:
    """Read the settings in production, which is what they are where nothing says otherwise."""
    inherited = {name: os.environ[name] for name in INHERITED}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=inherited | environment, capture_output=True, text=True
    )


def test_production_is_what_starts_by_default_and_prints_no_mail():
    started = start(**GOOD)

    assert (started.returncode, started.stdout.strip()) == (0, "production dummy []"), started.stderr


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY must be set"),
        ({"SECRET_KEY": "too-short"}, "SECRET_KEY must be set"),
        ({"SECRET_KEY": "demo-" + "x" * 60}, "SECRET_KEY is a demo key"),
        ({"ENCRYPTION_KEYS": f"{GOOD['ENCRYPTION_KEYS']}, demo-{'x' * 43}="}, "holds a demo key"),
        ({"PERIHELION_ENV": "prod"}, "must be production, demo or test"),
        ({"EVENT_TYPES": "JOB_NEW, JOB_GONE"}, "EVENT_TYPES holds 'JOB_GONE'; it must be the name or"),
        ({"EVENT_TYPES": "4999"}, "EVENT_TYPES holds '4999'"),
    ],
)
def test_production_does_not_start_with(changes, said):
    started = start(**GOOD | changes)

    assert started.returncode != 0
    assert said in started.stderr


def test_types_of_events_are_read_by_name_and_by_number():
    read = "import portal.settings as s; print(s.EVENT_TYPES)"
    assert start(read, **GOOD).stdout.strip() == "[]"
    named = start(read, **GOOD, EVENT_TYPES="JOB_NEW, SEVT_ACCOUNT_LOGIN,4153")
    assert named.stdout.strip() == "[4200, 4103, 4153]", named.stderr


def test_without_encryption_keys_it_starts_and_a_check_says_so():
    check = "import django; django.setup(); from django.core.management import call_command as c; c('check')"
    started = start(check, **GOOD | {"ENCRYPTION_KEYS": "", "DJANGO_SETTINGS_MODULE": "portal.settings"})

    assert started.returncode == 0, started.stderr
    assert "ENCRYPTION_KEYS is not set. No secret can be stored or read." in started.stderr


def test_keys_come_from_a_file_too(tmp_path):
    file = tmp_path / "keys"
    file.write_text("# newest first\none\ntwo,three\n")
    file.chmod(0o600)

    started = start(KEYS, SECRET_KEY=GOOD["SECRET_KEY"], ENCRYPTION_KEYS_FILE=str(file))

    assert started.stdout.strip() == "['one', 'two', 'three']", started.stderr


def test_a_key_file_that_cannot_be_used_keeps_the_portal_from_no_start(tmp_path):
    started = start(KEYS, SECRET_KEY=GOOD["SECRET_KEY"], ENCRYPTION_KEYS_FILE=str(tmp_path / "gone"))

    assert started.returncode == 0
    assert "cannot be read: No such file or directory." in started.stdout


def test_a_key_file_in_the_data_folder_is_warned_of(tmp_path):
    file = tmp_path / "keys"
    file.write_text(GOOD["ENCRYPTION_KEYS"])
    file.chmod(0o644)
    check = "import django; django.setup(); from django.core.management import call_command as c; c('check')"
    environment = {
        "SECRET_KEY": GOOD["SECRET_KEY"],
        "ENCRYPTION_KEYS_FILE": str(file),
        "PERIHELION_DATA": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "portal.settings",
    }

    said = start(check, **environment).stderr

    assert "which lies in the data folder beside the database" in said
    assert "which others on this machine may read" in said


COOKIES = (
    "import portal.settings as s; print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, s.SESSION_COOKIE_SECURE,"
    " s.CSRF_COOKIE_SECURE, s.SECURE_HSTS_SECONDS >= 31_536_000, s.SECURE_SSL_REDIRECT)"
)


def test_cookies_of_production_belong_to_one_host_and_https():
    started = start(COOKIES, **GOOD)

    assert started.stdout.strip() == "__Host-session __Host-csrf True True True True", started.stderr


def test_a_trusted_origin_without_https_keeps_production_from_starting():
    started = start(**GOOD, CSRF_TRUSTED_ORIGINS="http://portal.example.com")

    assert started.returncode != 0
    assert "CSRF_TRUSTED_ORIGINS holds 'http://portal.example.com'" in started.stderr


def test_any_host_name_in_production_is_warned_of():
    check = (
        "import django; django.setup(); from django.core.management import call_command as c;"
        " c('check', deploy=True)"
    )
    started = start(check, **GOOD, ALLOWED_HOSTS="*", DJANGO_SETTINGS_MODULE="portal.settings")

    assert "ALLOWED_HOSTS holds *" in started.stderr
