"""Forms for linking, changing and placing Comet Servers. They check and convert; services act."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from portal.core.access import Access
from portal.core.fields import PlainTextField
from portal.servers.addresses import MAX_LENGTH, normalise_url
from portal.servers.linking import Credential
from portal.servers.models import CometServer
from portal.servers.selectors import list_owning_tenants
from portal.tenants.models import Tenant

SECRET_LENGTH = 1000


class ServerAddressField(forms.CharField):
    """`scheme://host[:port]`, stored in one form."""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {"autocomplete": "off", "spellcheck": "false", "inputmode": "url", "maxlength": MAX_LENGTH}
        super().__init__(
            widget=forms.TextInput(attrs={"placeholder": "https://backup.example.com:8060"} | attrs), **kwargs
        )

    def clean(self, value: Any) -> str:
        typed = super().clean(value)
        return normalise_url(typed) if typed else ""


class SecretInputField(forms.CharField):
    """A secret is typed, never shown again: it does not come back with an error."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.PasswordInput(attrs={"autocomplete": "off"}, render_value=False)
        super().__init__(widget=widget, max_length=SECRET_LENGTH, strip=False, **kwargs)

    def clean(self, value: Any) -> str:
        typed: str = super().clean(value)
        if any(ord(character) < 32 for character in typed):
            raise ValidationError("It contains a line break or another control character.")
        return typed


class CredentialForm(forms.Form):
    """The credential of a server administrator. Pages fold away the fields that few people need."""

    RARE = ("browser_url", "totp_code", "session_key", "own_admin")

    username = PlainTextField(
        max_length=255,
        label="Administrator",
        help_text="A server administrator of Comet: one that belongs to no organization. Best is one made"
        " for the portal alone, with a long random password and no second factor.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    password = SecretInputField(required=False, help_text="Stored encrypted. It is never shown again.")
    totp_code = forms.CharField(
        required=False,
        label="Second factor code",
        help_text="Six digits, if this administrator has a second factor. A code works once, so the portal"
        " then keeps a session key, which ends when the server forgets it.",
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "maxlength": 10}
        ),
    )
    session_key = SecretInputField(
        required=False,
        label="Session key instead",
        help_text="In place of a password. It ends when the server forgets it.",
    )
    own_admin = forms.ChoiceField(
        label="An administrator of the portal's own",
        choices=[
            ("auto", "Make one if the credential would end: with a code or a session key"),
            ("yes", "Make one, and forget the credential typed here"),
            ("no", "Do not make one"),
        ],
        initial="auto",
        help_text="An administrator named perihelion-… with a random password, made on the Comet Server.",
    )

    def usual_fields(self) -> list[forms.BoundField]:
        return [field for field in self if field.name not in self.RARE]

    def rare_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.RARE if name in self.fields]

    def has_rare_values(self) -> bool:
        """Whether one of the rare fields is in error or says something, so that it must be seen."""
        return any(field.errors or (field.value() or "") not in ("", "auto") for field in self.rare_fields())

    def clean_totp_code(self) -> str:
        code: str = self.cleaned_data["totp_code"].replace(" ", "")
        if code and not re.fullmatch(r"[0-9]{6,8}", code):
            raise ValidationError("A code is six digits, as your authenticator shows them.")
        return code

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        wanted = self.wants_credential()
        dies = bool(cleaned.get("totp_code") or cleaned.get("session_key"))
        cleaned["own_admin"] = cleaned["own_admin"] == "yes" or (cleaned["own_admin"] == "auto" and dies)
        if not wanted:
            return cleaned
        if cleaned.get("session_key") and (cleaned.get("password") or cleaned.get("totp_code")):
            self.add_error("session_key", "Give either a password or a session key, not both.")
        elif not cleaned.get("session_key") and not cleaned.get("password"):
            self.add_error("password", "Type the administrator's password, or paste a session key below.")
        return cleaned

    def wants_credential(self) -> bool:
        """Whether a credential must be given with this submission."""
        return True


class LinkForm(CredentialForm):
    """A Comet Server that is not linked yet."""

    field_order = (
        "name",
        "api_url",
        "browser_url",
        "username",
        "password",
        "totp_code",
        "session_key",
        "own_admin",
        "tenant",
    )

    name = PlainTextField(max_length=80, help_text="What people here call it, such as fr-par-1.")
    api_url = ServerAddressField(
        label="API address",
        help_text="Where the portal reaches it: http or https, host, and the port unless it is 80 or 443.",
    )
    browser_url = ServerAddressField(
        required=False,
        label="Browser address",
        help_text="Where people's browsers reach its web interface. Empty: the same.",
    )
    tenant = forms.ModelChoiceField(
        Tenant.objects.none(),
        empty_label=None,
        label="Belongs to",
        help_text="Whose server it is. Its organizations are placed under other tenants afterwards.",
    )

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["tenant"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101  (for the type checker)
        field.queryset = list_owning_tenants(access)
        if len(field.queryset) == 1:
            self.initial.setdefault("tenant", field.queryset[0])
            field.widget = forms.HiddenInput()


class EditForm(CredentialForm):
    """A linked server. Left empty, password, code and session key stay as they are."""

    field_order = (
        "name",
        "api_url",
        "browser_url",
        "username",
        "password",
        "totp_code",
        "session_key",
        "own_admin",
    )

    name = PlainTextField(max_length=80)
    api_url = ServerAddressField(
        label="API address",
        help_text="Where the portal reaches it. Another address needs the credential typed anew.",
    )
    browser_url = ServerAddressField(
        required=False,
        label="Browser address",
        help_text="Where people's browsers reach its web interface. Empty: the same. Another address needs"
        " the credential typed anew: sign-ins go there.",
    )

    def __init__(self, *args: Any, server: CometServer, **kwargs: Any) -> None:
        self.server = server
        super().__init__(*args, **kwargs)
        self.fields["password"].label = "New password"
        self.fields["password"].help_text = "Leave it empty to keep the stored credential."

    def wants_credential(self) -> bool:
        """A code, a key, another administrator or the wish for an own one come with a credential."""
        given = self.cleaned_data
        return bool(
            any(given.get(name) for name in ("password", "totp_code", "session_key"))
            or given.get("own_admin") in ("yes", True)
            or given.get("username") != self.server.admin_username
        )

    def credential(self) -> Credential | None:
        """What was typed; None where the stored credential stays."""
        if not self.wants_credential():
            return None
        given = self.cleaned_data
        return Credential(given["username"], given["password"], given["totp_code"], given["session_key"])
