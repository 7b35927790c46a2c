from django import forms

from portal.core.fields import PlainTextField


class ReasonForm(forms.Form):
    """Why somebody opens Comet; it is kept in the audit."""

    reason = PlainTextField(
        max_length=255,
        min_length=3,
        help_text="A ticket number or a few words. It is kept in the audit.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True}),
    )
