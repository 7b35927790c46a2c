"""The next one is made while the one before is in use."""

import threading

import pytest
import structlog

from portal.core.ahead import ahead, worked_ahead


def test_everything_comes_in_its_order_even_nothing():
    assert list(ahead(iter([3, None, 0, 1]))) == [3, None, 0, 1]
    assert list(ahead([])) == []


def test_the_next_is_made_while_one_is_in_use_and_no_more():
    begun = [threading.Event() for _ in range(4)]

    def made():
        for number, event in enumerate(begun):
            event.set()
            yield number

    for number in ahead(made()):
        if number == 1:
            assert begun[2].wait(10)
            assert not begun[3].is_set()


def test_a_failure_comes_where_the_item_would_have_come():
    def made():
        yield 1
        raise LookupError("broken")

    taken = ahead(made())
    assert next(taken) == 1
    with pytest.raises(LookupError, match="broken"):
        next(taken)


def test_what_is_said_while_making_says_for_whom():
    with structlog.contextvars.bound_contextvars(operation=7):
        said = list(ahead(structlog.contextvars.get_contextvars() for _ in range(2)))
    assert said == [{"operation": 7}] * 2


def test_the_next_is_worked_out_in_a_thread_from_what_the_caller_makes():
    begun, makers = [threading.Event() for _ in range(4)], set()

    def made():
        for number in range(4):
            makers.add(threading.get_ident())
            yield number

    def work(number):
        begun[number].set()
        return number, threading.get_ident()

    workers = set()
    for number, worker in worked_ahead(made(), work):
        workers.add(worker)
        if number == 1:
            assert begun[2].wait(10)
            assert not begun[3].is_set()
    assert [event.is_set() for event in begun] == [True] * 4
    assert makers == {threading.get_ident()}
    assert threading.get_ident() not in workers


def test_what_fails_while_it_is_worked_out_fails_in_its_place():
    taken = worked_ahead([1, 0, 2], lambda number: 1 // number)
    assert next(taken) == 1
    with pytest.raises(ZeroDivisionError):
        next(taken)
    assert list(worked_ahead([], str)) == []


def test_what_is_said_while_working_says_for_whom():
    with structlog.contextvars.bound_contextvars(operation=7):
        assert list(worked_ahead([1], lambda _: structlog.contextvars.get_contextvars())) == [
            {"operation": 7}
        ]
