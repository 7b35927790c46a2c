"""Keys and passwords of the demo: random, made once, kept in `data/` for its owner's eyes only.

`demo.env` holds the keys the settings read; they carry a prefix that production settings refuse.
`demo.json` holds the passwords of the sign-ins and of the emulated servers.
"""

import base64
import json
import os
import secrets
import string
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet

from portal.core.environment import DEMO_KEY_PREFIX
from portal.demo.errors import DemoError

PEOPLE: Final = ("owner", "technician", "reseller", "customer")
PASSWORDS: Final = (
    *PEOPLE,
    "comet1-admin", "comet1-guarded", "comet1-users",
    "comet2-admin", "comet2-guarded", "comet2-users",
)  # fmt: skip
TOTP_SEEDS: Final = ("comet1", "comet2")
ALPHABET: Final = "".join(sorted(set(string.ascii_lowercase + string.digits) - set("0o1l")))


@dataclass(frozen=True, slots=True)
class DemoSecrets:
    passwords: dict[str, str] = field(repr=False)
    totp_seeds: dict[str, str] = field(repr=False)
    """Base32, as authenticator apps take it."""


def prepare(data: Path) -> bool:
    """Make the folder, the keys and the passwords that are not there yet; True if keys were made.

    Raises:
        DemoError: the folder cannot be written to.
    """
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        data.chmod(0o700)
        keys = data / "demo.env"
        made_keys = not keys.exists()
        known_keys = "" if made_keys else keys.read_text()
        if (wanted_keys := _with_all_keys(known_keys)) != known_keys:
            _write(keys, wanted_keys)
        known = _load(data) if (data / "demo.json").exists() else DemoSecrets({}, {})
        wanted = DemoSecrets(
            passwords={name: known.passwords.get(name) or new_password() for name in PASSWORDS},
            totp_seeds={name: known.totp_seeds.get(name) or _new_totp_seed() for name in TOTP_SEEDS},
        )
        if wanted != known:
            content = {"passwords": wanted.passwords, "totp_seeds": wanted.totp_seeds}
            _write(data / "demo.json", json.dumps(content, indent=2) + "\n")
        if not os.access(data, os.W_OK):
            raise PermissionError(f"no permission to write in {data}")
    except OSError as exc:
        raise DemoError(
            f"Cannot write to {data} ({exc.strerror or exc}). Clone into a folder of your own."
        ) from exc
    return made_keys


def load(data: Path) -> DemoSecrets:
    """The passwords that `prepare` made.

    Raises:
        DemoError: there are none, or the file is damaged.
    """
    try:
        return _load(data)
    except (OSError, ValueError, KeyError) as exc:
        raise DemoError(f"{data / 'demo.json'} cannot be read. Delete {data} to start afresh.") from exc


def _load(data: Path) -> DemoSecrets:
    content = json.loads((data / "demo.json").read_text())
    return DemoSecrets(passwords=content["passwords"], totp_seeds=content["totp_seeds"])


def _with_all_keys(known: str) -> str:
    """The key file with what it lacks, so that a demo of an older version gets the newer keys."""
    held = {line.partition("=")[0] for line in known.splitlines()}
    lines = known or "# Made by `make run`. Production settings refuse these keys.\n"
    for name, value in (
        ("SECRET_KEY", secrets.token_urlsafe(50)),
        ("ENCRYPTION_KEYS", Fernet.generate_key().decode()),
        ("AUDIT_KEY", secrets.token_urlsafe(32)),
    ):
        if name not in held:
            lines += f"{name}={DEMO_KEY_PREFIX}{value}\n"
    return lines


def new_password() -> str:
    """80 random bits, in characters that are hard to mistake for one another."""
    return "".join(secrets.choice(ALPHABET) for _ in range(16))


def _new_totp_seed() -> str:
    return base64.b32encode(secrets.token_bytes(20)).decode()


def _write(path: Path, content: str) -> None:
    """Write all or nothing, readable by the owner alone."""
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    unfinished.replace(path)
