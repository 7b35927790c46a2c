import pytest

from portal.audit import guards, services
from portal.audit.models import Entry
from tests.bench.harness import NotMeasured, Result, migrated_database, percentile, table


def test_a_result_is_one_line_with_its_ratio():
    result = Result("bulk.import", 41_250.4, "rows/s", 34_000, "the-goal")
    assert str(result) == "bench bulk.import 41250 rows/s 1.21x-of-the-goal"


def test_small_figures_keep_three_digits():
    assert str(Result("write.p95", 3.14159, "ms", 20, "limit")) == "bench write.p95 3.14 ms 0.157x-of-limit"


def test_percentile_is_a_measured_value():
    values = [float(n) for n in range(1, 101)]
    assert percentile(values, 95) == 95.0
    assert percentile(values, 100) == 100.0
    assert percentile([7.0], 50) == 7.0


@pytest.mark.parametrize(
    ("value", "least", "most", "goal", "is_reached"),
    [
        (100.0, 10.0, None, "at least 100 /s", True),
        (99.0, 10.0, None, "at least 100 /s", False),
        (5.0, None, 0.5, "at most 5 /s", True),
        (6.0, None, 0.5, "at most 5 /s", False),
        (6.0, None, None, "", True),
    ],
)
def test_a_goal_is_told_in_the_unit_of_its_figure(value, least, most, goal, is_reached):
    result = Result("a", value, "/s", 10.0, "a-peer", least=least, most=most)
    assert (result.goal, result.is_reached) == (goal, is_reached)


def test_the_table_tells_what_has_a_goal_and_what_is_missing():
    told = [
        Result("write.p95", 3.0, "ms", 20, "limit", most=1),
        Result("sent", 90.0, "/s", 10, "one", least=10),
        Result("sent", 90.0, "/s", 10, "other", least=1),
        Result("size", 3.0, "MB", 3.0, "itself"),
        NotMeasured("scope", "it could not be run"),
    ]
    assert [line.split() for line in table(told).splitlines()] == [
        ["figure", "value", "goal"],
        ["write.p95", "3", "ms", "at", "most", "20", "ms", "reached"],
        ["sent", "beside", "one", "90", "/s", "at", "least", "100", "/s", "MISSED"],
        ["sent", "beside", "other", "90", "/s", "at", "least", "10", "/s", "reached"],
        ["scope", "it", "could", "not", "be", "run", "not", "measured"],
    ]


@pytest.mark.django_db(transaction=True)
def test_a_benchmark_leaves_no_row_behind_not_even_of_the_audit():
    with migrated_database():
        services.note("session.end", services.DONE, actor=None, tenant_id=None)
    assert not Entry.objects.exists()
    assert guards.are_up()
