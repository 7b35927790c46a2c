"""Sets of Tenants against plain sets of numbers."""

from hypothesis import given, settings
from hypothesis import strategies as st

from portal.core.tenant_sets import EVERYTHING, NOWHERE, AllBut, both, covers, either, union

MADE = range(1, 12)
IDS = st.frozensets(st.sampled_from(MADE))
SETS = st.one_of(st.just(EVERYTHING), IDS, st.builds(AllBut, IDS, st.sampled_from(MADE)))


def numbers(tenants):
    return {pk for pk in MADE if pk in tenants}


@settings(max_examples=100)
@given(SETS, SETS)
def test_what_is_in_both(one, other):
    assert numbers(both(one, other)) == numbers(one) & numbers(other)


@settings(max_examples=100)
@given(SETS, SETS)
def test_what_is_in_either_but_for_those_younger_than_all_but_some(one, other):
    whole = numbers(one) | numbers(other)
    known = [tenants.newest for tenants in (one, other) if isinstance(tenants, AllBut)]
    if known and EVERYTHING not in (one, other):
        whole = {pk for pk in whole if pk <= max(known)}
    assert numbers(either(one, other)) == whole


@settings(max_examples=100)
@given(SETS, IDS)
def test_what_covers_some_ids(tenants, ids):
    assert covers(tenants, ids) == (ids <= numbers(tenants))


def test_the_whole_of_none_is_nowhere():
    assert union([]) == NOWHERE
    assert union([frozenset({1}), EVERYTHING]) is EVERYTHING
    assert both(EVERYTHING, EVERYTHING) is EVERYTHING
