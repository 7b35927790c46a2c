"""Names that can be told apart: one script a word, and not the image of another name.

What looks like what is Unicode's own table (UTS 39), as `confusable_homoglyphs` carries it.
"""

import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from confusable_homoglyphs import categories, confusables
from django.core.exceptions import ValidationError

from portal.core.fields import PlainTextField

_LOOK_ALIKE_SCRIPTS: Final = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC"})


def validate_one_script(value: str) -> None:
    """Refuse words that mix letters of scripts that look alike, such as a Cyrillic `а` in a Latin word."""
    for word in value.split():
        scripts = categories.unique_aliases(word) & _LOOK_ALIKE_SCRIPTS
        if len(scripts) > 1:
            mixed = " and ".join(sorted(script.capitalize() for script in scripts))
            raise ValidationError(
                "“%(word)s” mixes %(mixed)s letters that look alike. Type it in one of them.",
                params={"word": word, "mixed": mixed},
            )


def find_look_alike(name: str, among: Iterable[str]) -> str | None:
    """The first of `among` that a reader could take for `name`; case and spaces do not tell names apart."""
    images = _images(name)
    return next((other for other in among if images & _images(other)), None)


class NameField(PlainTextField):
    """A name people tell things apart by."""

    def __init__(self, *, max_length: int, **kwargs: Any) -> None:
        super().__init__(max_length=max_length, **kwargs)
        self.validators.append(validate_one_script)


def _images(name: str) -> frozenset[str]:
    """How a name looks, as typed and in small letters: a capital I looks like an l, a small one does not."""
    text = " ".join(unicodedata.normalize("NFKC", name).split())
    return frozenset({_image(text), _image(text.casefold())})


def _image(text: str) -> str:
    return "".join(map(_prototype, text)).casefold().replace("m", "rn")


@cache
def _prototype(character: str) -> str:
    """The character that stands for all that look like this one."""
    alike = [one["c"].strip("\u200e") for one in confusables.confusables_data.get(character, ())]
    if len(alike) != 1:
        return character  # it looks like nothing else, or is what the others are said to look like
    (other,) = alike
    return min(character, other) if len(confusables.confusables_data.get(other, ())) == 1 else other
