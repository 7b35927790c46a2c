"""What production settings refuse to start with. Each is read by a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

ROOT = Path(__file__).resolve().parents[3]
GOOD = {"SECRET_KEY": "x" * 60, "ENCRYPTION_KEYS": Fernet.generate_key().decode()}
INHERITED = ("PATH", "PERIHELION_DATA")


def start(**environment: str) -> subprocess.CompletedProcess[str]:
    """Read the settings in production, which is what they are where nothing says otherwise."""
    inherited = {name: os.environ[name] for name in INHERITED}
    code = "import portal.settings as s; print(s.ENV, s.EMAIL_BACKEND.split('.')[-2], s.ALLOWED_NETWORKS)"
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
        ({"ENCRYPTION_KEYS": ""}, "ENCRYPTION_KEYS must hold"),
        ({"ENCRYPTION_KEYS": f"{GOOD['ENCRYPTION_KEYS']}, demo-{'x' * 43}="}, "holds a demo key"),
        ({"PERIHELION_ENV": "prod"}, "must be production, demo or test"),
    ],
)
def test_production_does_not_start_with(changes, said):
    started = start(**GOOD | changes)

    assert started.returncode != 0
    assert said in started.stderr
