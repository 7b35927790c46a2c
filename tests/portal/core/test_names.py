"""Names that can be told apart."""

import pytest
from django.core.exceptions import ValidationError

from portal.core.names import NameField, find_look_alike, validate_one_script


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("Helpdesk", "Неlpdesk"),  # Cyrillic N and ie
        ("Billing", "BiIIing"),
        ("billing", "BILLING"),
        ("Night  shift", "Night shift"),
        ("Admin", "Αdmin"),  # Greek alpha
        ("ops", "ｏｐｓ"),
        ("modern", "modem"),
    ],
)
def test_names_that_look_alike_are_found(name, other):
    assert find_look_alike(name, ["Something else", other]) == other
    assert find_look_alike(other, [name]) == name


@pytest.mark.parametrize(("name", "other"), [("Helpdesk", "Helpdesk 2"), ("Bill", "Ball"), ("日本", "中国")])
def test_names_that_differ_are_left_alone(name, other):
    assert find_look_alike(name, [other]) is None


@pytest.mark.parametrize("name", ["pаypal", "Αdmin"])
def test_a_word_of_two_scripts_is_refused(name):
    with pytest.raises(ValidationError, match="mixes"):
        validate_one_script(name)


@pytest.mark.parametrize("name", ["Ночная смена", "Ночная admin", "VPNサーバ", "Équipe nº 2", "支援"])
def test_names_of_any_one_script_are_taken(name):
    NameField(max_length=60).clean(name)


@pytest.mark.parametrize("name", ["evil\u202egnp", "zero\u200bwidth", "<b>", ""])
def test_what_no_name_needs_is_refused(name):
    with pytest.raises(ValidationError):
        NameField(max_length=60).clean(name)
