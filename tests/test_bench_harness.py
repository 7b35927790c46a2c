import pytest

from portal.audit import guards, services
from portal.audit.models import Entry
from tests.bench.harness import Result, migrated_database, percentile


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


@pytest.mark.django_db(transaction=True)
def test_a_benchmark_leaves_no_row_behind_not_even_of_the_audit():
    with migrated_database():
        services.note("session.end", services.DONE, actor=None, tenant_id=None)
    assert not Entry.objects.exists()
    assert guards.are_up()
