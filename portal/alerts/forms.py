"""Forms of alerts."""

import re
import zoneinfo
from datetime import datetime, timedelta
from typing import Any, Final

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone

from portal.alerts.models import SILENT_DAYS, STALE_MINUTES, Handling, MailChoice, Rules
from portal.alerts.posting import BadAddress, check_address
from portal.core.encryption import Secret
from portal.core.fields import PlainTextField

SNOOZES: Final = {
    "1h": ("for 1 hour", timedelta(hours=1)),
    "4h": ("for 4 hours", timedelta(hours=4)),
    "1d": ("for 1 day", timedelta(days=1)),
    "7d": ("for 7 days", timedelta(days=7)),
    "30d": ("for 30 days", timedelta(days=30)),
}
_HEADER: Final = re.compile(r"[A-Za-z0-9-]{1,80}")
_OWN_HEADERS: Final = {"host", "content-length", "content-type", "transfer-encoding", "connection"}
SHORTEST_KEY: Final = 16


class HandleForm(forms.Form):
    """What to do with alerts: all of `selected`, or with `all_matching` all that `query` finds."""

    act = forms.ChoiceField(choices=Handling.Act.choices)
    selected = forms.TypedMultipleChoiceField(required=False, coerce=int)
    all_matching = forms.BooleanField(required=False)
    query = forms.CharField(required=False, max_length=2000)
    note = PlainTextField(max_length=300, required=False)
    snooze = forms.ChoiceField(choices=[(key, label) for key, (label, _) in SNOOZES.items()], required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = self.data.getlist("selected") if hasattr(self.data, "getlist") else []
        field = self.fields["selected"]
        assert isinstance(field, forms.TypedMultipleChoiceField)  # noqa: S101  (for the type checker)
        field.choices = [(pk, pk) for pk in chosen if pk.isascii() and pk.isdecimal() and len(pk) < 19]

    def until(self) -> datetime | None:
        """When a snooze ends; None for the other acts."""
        if self.cleaned_data["act"] != Handling.Act.SNOOZE:
            return None
        return timezone.now() + SNOOZES[self.cleaned_data["snooze"] or "1d"][1]


def zones() -> list[tuple[str, str]]:
    """Time zones by name, the portal's own first."""
    names = sorted(zone for zone in zoneinfo.available_timezones() if "/" in zone or zone == "UTC")
    return [
        ("", f"The portal's own ({settings.TIME_ZONE})"),
        *((zone, zone.replace("_", " ")) for zone in names),
    ]


class RulesForm(forms.ModelForm):
    """A tenant's rules. What is left empty is as in the tenant above."""

    silent_days = forms.IntegerField(
        label="Silent after (days)",
        required=False,
        min_value=0,
        max_value=365,
        help_text="Without a good backup for longer, or for twice as long as usual between its backups. "
        f"Empty: as above, else {SILENT_DAYS}. 0: never.",
    )
    stale_minutes = forms.IntegerField(
        label="Server silent after (minutes)",
        required=False,
        min_value=1,
        max_value=1440,
        help_text=f"Without its event stream for longer. Empty: as above, else {STALE_MINUTES}."
        " Heard by webhook alone: 45 at least.",
    )
    quiet_from = forms.TimeField(
        label="Quiet from",
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        help_text="What opens in quiet hours is told at their end, in one go, unless it is over by then.",
    )
    quiet_until = forms.TimeField(
        label="Quiet until", required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    time_zone = forms.ChoiceField(label="Time zone of quiet hours", required=False)

    class Meta:
        model = Rules
        fields = ["silent_days", "stale_minutes", "quiet_from", "quiet_until", "time_zone"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["time_zone"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  (for the type checker)
        field.choices = zones()

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        start, end = data.get("quiet_from"), data.get("quiet_until")
        if (start is None) != (end is None) and not self.errors:
            missing = "quiet_from" if start is None else "quiet_until"
            self.add_error(missing, "Quiet hours need both times. Fill this in, or clear the other.")
        elif start is not None and start == end:
            self.add_error("quiet_until", "It is the same as the beginning. Choose another time.")
        return data


class HookForm(forms.ModelForm):
    """Where a tenant's alerts are posted. Secrets are typed, never shown; left empty they stay."""

    hook_url = forms.CharField(
        label="Address", required=False, max_length=500, help_text="Empty: nothing is posted."
    )
    hook_header = forms.CharField(
        label="Header with a secret",
        required=False,
        max_length=80,
        help_text="Its name, such as Authorization. Empty: none is sent.",
    )
    secret = forms.CharField(
        label="What the header says",
        required=False,
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="Never shown again. Empty: it stays as it is.",
    )
    key = forms.CharField(
        label="Signing key",
        required=False,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=f"At least {SHORTEST_KEY} characters; it signs what is posted. Empty: it stays as it is.",
    )

    class Meta:
        model = Rules
        fields = ["hook_url", "hook_header"]

    def clean_hook_url(self) -> str:
        url: str = self.cleaned_data["hook_url"].strip()
        if not url:
            return ""
        try:
            return check_address(url)
        except BadAddress as bad:
            raise ValidationError(str(bad)) from bad

    def clean_hook_header(self) -> str:
        name: str = self.cleaned_data["hook_header"].strip()
        if name and (not _HEADER.fullmatch(name) or name.lower() in _OWN_HEADERS):
            raise ValidationError(
                "A header's name has letters, digits and dashes, and is none of HTTP's own."
            )
        return name

    def clean_secret(self) -> str:
        value: str = self.cleaned_data["secret"]
        if not value.isprintable() or not value.isascii():
            raise ValidationError("A header holds plain letters, digits and signs only.")
        return value

    def clean_key(self) -> str:
        value: str = self.cleaned_data["key"]
        if value and len(value) < SHORTEST_KEY:
            raise ValidationError(f"It is too short. Use at least {SHORTEST_KEY} characters.")
        return value

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("hook_url") and data["hook_url"] != self.initial.get("hook_url") and not self.errors:
            self._ask_for_secrets_again(data)
        return data

    def _ask_for_secrets_again(self, data: dict[str, Any]) -> None:
        """A secret goes to the address it was typed for; to another only when typed again."""
        if self.instance.hook_secret and data.get("hook_header") and not data.get("secret"):
            self.add_error("secret", "The address is another one. Type this again, so that it goes there.")

    def apply(self) -> Rules:
        """The rules with what was typed; secrets sealed. Not stored yet."""
        rules: Rules = self.instance
        data = self.cleaned_data
        if data["secret"]:
            rules.hook_secret = Secret.seal(data["secret"])
        if not rules.hook_header or not rules.hook_url:
            rules.hook_secret = None
        if data["key"]:
            rules.hook_key = Secret.seal(data["key"])
        if not rules.hook_url:
            rules.hook_key = None
        return rules


class MailChoiceForm(forms.ModelForm):
    """When a person wants mail about alerts."""

    closings = forms.BooleanField(
        label="Also tell me when it is over", required=False, help_text="Once it has been for an hour."
    )

    class Meta:
        model = MailChoice
        fields = ["when", "closings"]
        labels = {"when": "Mail about alerts"}
        widgets = {"when": forms.RadioSelect}
