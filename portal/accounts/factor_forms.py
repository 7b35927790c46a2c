"""django-allauth's forms of second factors, with what is stricter here."""

from typing import Any, Final

from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal.auth import generate_totp_secret
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    EditWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from django import forms
from django.core.cache import cache
from django.core.exceptions import ValidationError

from portal.accounts import factor_signals
from portal.core.encryption import Secret, SecretUnreadable
from portal.core.fields import PlainTextField

PENDING_SEED: Final = "totp_pending"
"""In the session: the sealed seed of an authenticator app that is being set up."""

CODE_LIVES: Final = 120
"""Seconds for which a code that was used is refused: longer than any code is good for."""

UNREADABLE: Final = (
    "The portal cannot read what codes are checked with, since its encryption key is missing."
    " Use a passkey, or tell your administrator."
)


MALFORMED: Final = (TypeError, ValueError, KeyError, AttributeError)
"""What comes of an answer that no browser gives."""

KEY_REFUSED: Final = "This key was not accepted. Try again, or use another way."


class OneUse(forms.Form):
    """A code is taken once, also while the clock's tolerance would let it pass again."""

    user: Any
    authenticator: Authenticator

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        code = self.fields["code"]
        code.label = "Code"
        code.max_length = 32  # type: ignore[attr-defined]
        code.widget.attrs = {"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}
        code.help_text = "From your authenticator app, or one of your recovery codes."

    def clean_code(self) -> str:
        try:
            code: str = super().clean_code()  # type: ignore[misc]
        except SecretUnreadable as error:
            raise ValidationError(UNREADABLE) from error
        if self.authenticator.type == Authenticator.Type.TOTP and not _first_use(self.user.pk, code):
            factor_signals.note_failure(context.request, self.user, self.authenticator)
            raise ValidationError("This code was used already. Wait for the next one.")
        return code


class CodeForm(OneUse, AuthenticateForm):
    """At sign-in."""


class CodeAgainForm(OneUse, ReauthenticateForm):
    """Before something dangerous."""


class SetUpAppForm(ActivateTOTPForm):
    """Keeps the seed that is being set up sealed in the session."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.user = kwargs.pop("user")
        super(ActivateTOTPForm, self).__init__(*args, **kwargs)
        code = self.fields["code"]
        code.label = "Code from the app"
        code.widget.attrs = {"autocomplete": "one-time-code", "inputmode": "numeric"}
        self.secret = self._pending_seed()

    def _pending_seed(self) -> str:
        session = context.request.session
        if self.is_bound and PENDING_SEED in session:
            return Secret(session[PENDING_SEED]).reveal()
        seed: str = generate_totp_secret()
        session[PENDING_SEED] = Secret.seal(seed).token
        return seed


class NamedKey(forms.Form):
    """Names of keys are shown to others; they hold visible text only."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        given = self.fields["name"]
        self.fields["name"] = PlainTextField(
            max_length=60,
            required=False,
            initial=given.initial,
            help_text="So that you know it again: “Blue key on my desk”.",
        )


class AddKeyForm(NamedKey, AddWebAuthnForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["credential"].error_messages = {"required": KEY_REFUSED, "invalid": KEY_REFUSED}
        passwordless = self.fields["passwordless"]
        passwordless.label = "Sign in with it alone"
        passwordless.help_text = "Instead of the password. It then asks for a fingerprint, a face or its PIN."

    def clean(self) -> dict[str, Any] | None:
        try:
            return super().clean()
        except MALFORMED as error:
            raise ValidationError(KEY_REFUSED) from error


class RenameKeyForm(NamedKey, EditWebAuthnForm):
    pass


class TellsFailure(forms.Form):
    """Puts a key that was refused into the audit."""

    user: Any

    def clean_credential(self) -> Authenticator:
        try:
            return super().clean_credential()  # type: ignore[misc]
        except (ValidationError, *MALFORMED) as error:
            factor_signals.note_failure(context.request, self.user, None)
            raise ValidationError(KEY_REFUSED) from error


class KeyForm(TellsFailure, AuthenticateWebAuthnForm):
    """At sign-in, after the password."""


class KeyAloneForm(TellsFailure, LoginWebAuthnForm):
    """At sign-in, instead of the password."""


class KeyAgainForm(TellsFailure, ReauthenticateWebAuthnForm):
    """Before something dangerous."""


def _first_use(user_id: int, code: str) -> bool:
    """However it was typed: django-allauth looks past blanks, dashes and the like."""
    digits = "".join(filter(str.isdecimal, code))
    return cache.add(f"totp-used:{user_id}:{digits}", 1, timeout=CODE_LIVES)
