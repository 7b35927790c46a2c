"""Second factors of people, by django-allauth: how their secrets are kept, and who has which."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa import app_settings as mfa_settings
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.http import HttpRequest

from portal.accounts.models import User
from portal.core.encryption import Secret

SECOND_FACTOR: Final = "second_factor"
"""In the session: whether its person has proved more than a password."""

REAL_FACTORS: Final = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
"""Recovery codes stand in for one of these and are none by themselves."""

TYPE_WORDS: Final = {
    Authenticator.Type.TOTP: "Authenticator app",
    Authenticator.Type.WEBAUTHN: "Passkey or security key",
    Authenticator.Type.RECOVERY_CODES: "Recovery codes",
}


class MFAAdapter(DefaultMFAAdapter):
    """Seeds of authenticator apps and of recovery codes are sealed like every other secret."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "This is not right. Try the code that is shown now, or another way to confirm.",
        "cannot_generate_recovery_codes": "Set up an authenticator app or a passkey first.",
    }

    def encrypt(self, text: str) -> str:
        return Secret.seal(text).token

    def decrypt(self, encrypted_text: str) -> str:
        return Secret(encrypted_text).reveal()

    def get_totp_issuer(self) -> str:
        return "Perihelion"

    def generate_authenticator_name(self, user: Any, type: Authenticator.Type) -> str:
        return f"Key {Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1}"


@dataclass(frozen=True)
class Factor:
    """One way to confirm beside the password, as pages show it."""

    pk: int
    type: str
    label: str
    detail: str
    created_at: Any
    last_used_at: Any


def list_factors(user: User) -> list[Factor]:
    """What `user` has set up, the oldest first. Opens no secret."""
    rows = Authenticator.objects.filter(user=user).order_by("created_at", "pk")
    return [_factor(row) for row in rows]


def has_second_factor(user: User) -> bool:
    return Authenticator.objects.filter(user=user, type__in=REAL_FACTORS).exists()


def factor_words(types: Iterable[str]) -> list[str]:
    """What to call these kinds of factor, each once; recovery codes are left out."""
    held = set(types)
    return [TYPE_WORDS[kind] for kind in REAL_FACTORS if kind in held]


def proved_second_factor(request: HttpRequest, user: User) -> bool:
    """Whether the sign-in that is about to begin a session was confirmed by a factor."""
    counts = {"mfa", "socialaccount"} if settings.OIDC_SECOND_FACTOR else {"mfa"}
    return any(record["method"] in counts for record in get_authentication_records(request, user))


def _factor(row: Authenticator) -> Factor:
    label, detail = TYPE_WORDS[row.type], ""
    if row.type == Authenticator.Type.WEBAUTHN:
        key = row.wrap()
        label, detail = key.name, "signs you in without a password" if key.is_passwordless else ""
    elif row.type == Authenticator.Type.RECOVERY_CODES:
        left = mfa_settings.RECOVERY_CODE_COUNT - row.data.get("used_mask", 0).bit_count()
        detail = f"{left} of {mfa_settings.RECOVERY_CODE_COUNT} left"
    return Factor(row.pk, row.type, label, detail, row.created_at, row.last_used_at)
