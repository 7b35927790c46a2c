"""What a Job's log is narrowed to, and which group of "Needs attention" is meant."""

from django import forms

from comet.constants import Severity
from portal.core.fields import PlainTextField
from portal.core.lists import SEARCH_LENGTH
from portal.fleet.filters import CauseField


class LogForm(forms.Form):
    severity = forms.ChoiceField(
        choices=[
            ("", "Every line"),
            (Severity.INFO.value, "Info and worse"),
            (Severity.WARNING.value, "Warnings and errors"),
            (Severity.ERROR.value, "Errors only"),
        ],
        required=False,
        label="Show",
    )
    q = PlainTextField(
        max_length=SEARCH_LENGTH,
        required=False,
        label="Containing",
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": "Text in the log", "autocomplete": "off"}
        ),
    )


class CauseForm(forms.Form):
    """The group of "Needs attention" that is open, or that is to be run again."""

    cause = CauseField()
