"""Entries are sealed as they are committed, and nothing written past the portal is taken in."""

import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from portal.audit import guards
from portal.audit import services as audit
from portal.audit.chain import adopt, chain, get_head
from portal.audit.content import plain
from portal.audit.models import AppendOnly, Entry, Head
from portal.audit.verification import verify
from portal.core.encryption import MASK, Secret

pytestmark = pytest.mark.django_db(transaction=True)
KEY, OLDER_KEY = "k" * 40, "o" * 40


def note(**details):
    return audit.note("tenant.rename", audit.DONE, actor=None, tenant_id=None, details=details)


def numbers():
    return list(Entry.objects.order_by("pk").values_list("number", flat=True))


def test_an_action_is_sealed_when_it_is_committed():
    with transaction.atomic():
        note()
        assert numbers() == [None, None]

    assert numbers() == [1, 2]
    assert verify().findings == []


def test_both_halves_of_a_recorded_action_are_sealed_each_at_once():
    with audit.record("tenant.rename", actor=None, tenant_id=None):
        assert numbers() == [1]
    assert numbers() == [1, 2]


def test_what_a_killed_process_left_is_sealed_later(settings):
    keys, settings.AUDIT_KEYS = settings.AUDIT_KEYS, []
    entry = note()
    settings.AUDIT_KEYS = keys
    assert entry.number is None

    assert chain() == 2
    assert verify().findings == []


def test_a_rolled_back_action_leaves_no_hole():
    note()
    with pytest.raises(RuntimeError), transaction.atomic():
        note()
        raise RuntimeError
    note()

    assert numbers() == [1, 2, 3, 4]
    assert verify().findings == []


def test_many_writers_at_once_make_one_chain():
    def write():
        try:
            for _ in range(10):
                note()
        finally:
            connection.close()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    chain()

    assert sorted(numbers()) == list(range(1, 81))
    assert verify().findings == []


def test_odd_values_are_kept_as_both_databases_give_them_back():
    note(
        text="nul \x00 and half \ud83d",
        floats=[1.5, 1e22, -0.0, 1e-12, float("nan")],
        large=2**70,
        when=timezone.now(),
        nested={1: ("a", None, True)},
    )

    assert numbers() == [1, 2]
    assert verify().findings == []


def test_what_looks_secret_is_masked_and_flags_stay():
    held = plain(
        {"password": "hunter2", "new_credential": True, "keys": [Secret("x")], "api": {"token": "t"}}
    )

    assert held == {"password": MASK, "new_credential": True, "keys": [MASK], "api": {"token": MASK}}


def test_without_a_key_entries_are_written_and_wait(settings):
    settings.AUDIT_KEYS = []
    note()

    assert (chain(), numbers()) == (0, [None, None])
    assert "no audit key" in verify().findings[0]


def test_what_was_written_without_a_key_later_is_taken_in_by_hand_alone(settings):
    note()
    keys, settings.AUDIT_KEYS = settings.AUDIT_KEYS, []
    note()
    settings.AUDIT_KEYS = keys

    assert chain() == 0
    assert "had no audit key" in verify().findings[0]
    assert adopt() == 2
    assert verify().findings == []


@pytest.mark.parametrize("problem", ["a short key", "demo-" + "x" * 40])
def test_a_key_that_is_none_seals_nothing(settings, problem):
    settings.AUDIT_KEYS, settings.PRODUCTION = [problem], True
    note()

    assert numbers() == [None, None]


def test_a_wrong_key_destroys_nothing_and_the_right_one_goes_on(settings):
    note()
    keys, settings.AUDIT_KEYS = settings.AUDIT_KEYS, [KEY]
    note()
    assert numbers() == [1, 2, None, None]
    assert "AUDIT_KEY is not the key" in verify().findings[0]

    settings.AUDIT_KEYS = keys
    assert verify().findings  # the two bear the wrong key's stamp
    settings.AUDIT_KEYS = [*keys, KEY]
    assert chain() == 2
    assert verify().findings == []


def test_a_new_key_goes_on_where_the_older_ended(settings):
    settings.AUDIT_KEYS = [OLDER_KEY]
    note()
    settings.AUDIT_KEYS = [KEY, OLDER_KEY]
    note()
    assert verify().findings == []

    settings.AUDIT_KEYS = [OLDER_KEY]
    assert verify().findings


def test_an_older_key_seals_nothing_after_a_newer_one(settings, tamper):
    settings.AUDIT_KEYS = [OLDER_KEY]
    note()
    settings.AUDIT_KEYS = [KEY, OLDER_KEY]
    note()
    head = get_head()
    settings.AUDIT_KEYS = [OLDER_KEY]
    Head.objects.update(seal="")
    assert chain() == 0  # a head without its seal is not taken for a new one

    settings.AUDIT_KEYS = [KEY, OLDER_KEY]
    Head.objects.update(seal=head.seal)
    assert verify().findings == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET outcome = 'done'",
        "UPDATE audit_entry SET number = NULL",
        "UPDATE audit_entry SET begun_id = NULL",
        "DELETE FROM audit_entry",
    ],
)
def test_the_database_refuses_to_change_and_delete(five, statement):
    assert guards.are_up()
    with pytest.raises(IntegrityError, match="are never"), connection.cursor() as cursor:
        cursor.execute(statement)
    assert Entry.objects.count() == 10


def test_the_database_refuses_an_entry_that_waits_as_well(settings):
    settings.AUDIT_KEYS = []
    note()
    for statement in ("UPDATE audit_entry SET outcome = 'failed'", "DELETE FROM audit_entry"):
        with pytest.raises(IntegrityError, match="are never"), connection.cursor() as cursor:
            cursor.execute(statement)


def test_the_model_refuses_as_well(five):
    with pytest.raises(AppendOnly):
        five[0].save()
    with pytest.raises(AppendOnly):
        five[0].delete()
    with pytest.raises(AppendOnly):
        Entry.objects.update(outcome="done")
    with pytest.raises(AppendOnly):
        Entry.objects.all().delete()


def test_an_entry_waiting_for_more_than_a_minute_is_reported(five, settings, monkeypatch):
    monkeypatch.setattr("portal.audit.chain.chain_on_commit", lambda: None)  # the process was killed
    note()
    assert (verify().findings, verify().waiting) == ([], 2)

    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        assert "more than a minute" in verify().findings[0]
