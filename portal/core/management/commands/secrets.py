"""`manage.py secrets`: looks after the keys that seal what is stored, and after what they sealed."""

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from cryptography.fernet import Fernet
from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.core.key_state import accept_loss, look
from portal.core.keys import SecretUnreadable, current_keys
from portal.core.rotation import Census, census, rotate
from portal.core.sealed import Place

LISTED: Final = 50
"""Unreadable secrets that are named one by one."""


class Command(BaseCommand):
    help = "Count the sealed secrets, seal them with a new key, make one. See docs/operations.md, Keys."

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        acts.add_parser("check", help="count secrets by key and name those that cannot be read")
        rotating = acts.add_parser("rotate", help="seal every secret with the newest key; may be run again")
        rotating.add_argument("--dry-run", action="store_true", help="say what would be done, change nothing")
        acts.add_parser("new-key", help="print a new key, to be put first in ENCRYPTION_KEYS")
        accepting = acts.add_parser("accept-loss", help="go on without a key that is lost for good")
        accepting.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, act: str, **options: Any) -> None:
        acts: dict[str, Callable[..., None]] = {
            "check": self._check,
            "rotate": self._rotate,
            "new-key": self._new_key,
            "accept-loss": self._accept_loss,
        }
        try:
            acts[act](**options)
        except SecretUnreadable as problem:
            raise CommandError(str(problem)) from problem

    def _check(self, **_: Any) -> None:
        state = look()
        found = census()
        self._print(found)
        if state.problem:
            raise CommandError(f"{state.problem} {state.advice}")
        self._refuse_unreadable(found)

    def _rotate(self, *, dry_run: bool, **_: Any) -> None:
        state = look()
        if not state.may_seal:
            raise CommandError(f"{state.problem} {state.advice}")
        newest = current_keys()[0]
        before = census()
        self._print(before)
        older = before.older(newest)
        if dry_run:
            self.stdout.write(f"{older} would be sealed anew. Nothing was changed.")
            return
        left = rotate(self._progress) if older else before
        still = left.older(newest)
        if still:
            raise CommandError(
                f"{still} are still sealed with older keys: a process that runs with those changes them."
                " Restart every process, then run this again. Keep the old keys until then."
            )
        self._refuse_unreadable(left)
        self.stdout.write(
            f"Every secret is sealed with the newest key ({newest.id}). Once every process was restarted"
            " with it, the old keys may be removed from ENCRYPTION_KEYS."
        )

    def _new_key(self, **_: Any) -> None:
        self.stdout.write(Fernet.generate_key().decode())
        self.stderr.write(
            "Put it first in ENCRYPTION_KEYS, before the keys that are there. Restart every process, run"
            " `manage.py secrets rotate`, and only then remove the old ones."
        )

    def _accept_loss(self, *, yes: bool, **_: Any) -> None:
        if look().is_ready:
            self.stdout.write("Nothing is lost: the keys in ENCRYPTION_KEYS are the right ones.")
            return
        current_keys()
        if not yes:
            self.stderr.write(
                "Go on without the keys that are missing? What they sealed stays in the database and cannot"
                " be read: credentials of Comet Servers and people's second factors are then made anew."
                " Type yes to go on: ",
                ending="",
            )
            if input().strip() != "yes":
                raise CommandError("Nothing was changed.")
        accept_loss()
        found = census()
        self._name(found)
        self.stdout.write(
            f"From now on secrets are sealed with {current_keys()[0].id}. Restart every process, then type"
            " again what cannot be read."
        )

    def _progress(self, place: Place, done: int) -> None:
        self.stdout.write(f"{place}: {done} sealed anew")
        self.stdout.flush()

    def _print(self, found: Census) -> None:
        keys = current_keys()
        for place, key in enumerate(keys, 1):
            age = "newest" if place == 1 else "older"
            self.stdout.write(
                f"key {place} of {len(keys)} ({key.id}, {age}): {_secrets(found.by_key[key.id])}"
            )
        self._name(found)

    def _name(self, found: Census) -> None:
        """Which secrets cannot be read: model, column and pk."""
        counted = Counter(found.unreadable)
        for (place, pk), _ in list(counted.items())[:LISTED]:
            self.stdout.write(f"cannot be read: {place} of {pk}")
        if len(counted) > LISTED:
            self.stdout.write(f"cannot be read: {len(counted) - LISTED} more")

    def _refuse_unreadable(self, found: Census) -> None:
        if found.unreadable:
            raise CommandError(
                f"Sealed with a key that is not in ENCRYPTION_KEYS: {_secrets(len(found.unreadable))}. Put it"
                " back and run this again, or type them again. Remove no key until then."
            )


def _secrets(count: int) -> str:
    return f"{count} secret{'' if count == 1 else 's'}"
