"""Form fields that refuse hostile text where it is typed."""

import unicodedata
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

_REFUSED_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
"""Control, invisible formatting (text direction marks), surrogate and private-use characters."""


def validate_plain_text(value: str) -> None:
    """Refuse characters nobody sees, and angle brackets, which no name needs."""
    for character in value:
        if unicodedata.category(character) in _REFUSED_CATEGORIES:
            raise ValidationError(
                "It contains an invisible character (U+%(code)s). Type it again without it.",
                params={"code": f"{ord(character):04X}"},
            )
    if "<" in value or ">" in value:
        raise ValidationError("The characters < and > cannot be used here.")


class PlainTextField(forms.CharField):
    """One line of visible text."""

    def __init__(self, *, max_length: int, **kwargs: Any) -> None:
        super().__init__(max_length=max_length, **kwargs)
        self.validators.append(validate_plain_text)
