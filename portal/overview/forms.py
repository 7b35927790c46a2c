"""The global search box."""

from django import forms

from portal.core.fields import PlainTextField
from portal.core.lists import SEARCH_LENGTH
from portal.overview.search import SHORTEST


class SearchForm(forms.Form):
    q = PlainTextField(
        max_length=SEARCH_LENGTH,
        min_length=SHORTEST,
        label="Search",
        widget=forms.TextInput(
            attrs={"type": "search", "autocomplete": "off", "placeholder": "Name, e-mail address or job GUID"}
        ),
        error_messages={"min_length": f"Type at least {SHORTEST} characters."},
    )
