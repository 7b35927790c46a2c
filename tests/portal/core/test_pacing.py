"""Who writes much makes room for those who write little."""

import sqlite3
import threading

import pytest
from django.db import connection, transaction

from portal.core import pacing
from portal.core.pacing import POLITE_FOR, POLLED_WITHIN, Pacer

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'sqlite'", reason="only SQLite has one writer at a time"),
]


class Clock:
    def __init__(self):
        self.now, self.slept = 100.0, []

    def perf_counter(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(pytest.approx(seconds))
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(pacing, "time", clock)
    monkeypatch.setattr(pacing, "_local", threading.local())
    return clock


def somebody_else_writes():
    other = sqlite3.connect(connection.settings_dict["NAME"], uri=True)
    with other:
        other.execute("INSERT INTO django_session VALUES ('another', '', '2026-11-22')")
    other.close()


def write_for(pacer, clock, seconds):
    with pacer:
        clock.now += seconds


def test_nobody_else_writing_it_rests_until_whoever_just_came_has_asked_again(clock):
    pacer = Pacer()
    write_for(pacer, clock, 0.3)
    pacer.rest()
    write_for(pacer, clock, POLLED_WITHIN / 5)
    pacer.rest()

    assert clock.slept == [POLLED_WITHIN, POLLED_WITHIN / 5]
    assert pacer.is_alone


def test_beside_others_it_rests_as_long_as_it_wrote_until_they_are_silent(clock):
    pacer = Pacer()
    somebody_else_writes()
    write_for(pacer, clock, 0.3)
    assert not pacer.is_alone
    write_for(pacer, clock, 0.2)
    clock.now += 0.1  # something was prepared meanwhile
    pacer.rest()
    clock.now += POLITE_FOR
    assert pacer.is_alone
    write_for(pacer, clock, 0.4)
    pacer.rest()

    assert clock.slept == [0.3, 0.1, POLLED_WITHIN]


def test_the_next_import_knows_of_those_who_wrote_meanwhile(clock):
    Pacer()
    assert Pacer().is_alone
    somebody_else_writes()
    assert not Pacer().is_alone


def test_inside_a_transaction_of_the_caller_it_does_not_rest(clock):
    with transaction.atomic():
        pacer = Pacer()
        write_for(pacer, clock, 0.3)
        pacer.rest()

    assert clock.slept == []
