"""What a scope makes of a list: SQL that stays short, whatever it names, and is soon put together."""

import cProfile
import pstats

import pytest

from portal.core.access import Access
from portal.core.tenant_sets import EVERYTHING, AllBut
from portal.fleet.models import Device
from portal.jobs.models import Job
from portal.operations.models import Operation

FEW = frozenset({3})
MANY = frozenset(range(3, 1_003))


def listed(model, tenants):
    """SQL and parameters of the list of somebody who reaches `tenants`."""
    access = Access(1, {"job:view": tenants})
    return model.objects.visible_to(access, "job:view").order_by("-pk").query.sql_with_params()


@pytest.mark.parametrize("model", [Job, Device, Operation])
@pytest.mark.parametrize(
    ("few", "many"), [(FEW, MANY), (AllBut(FEW, newest=2_000), AllBut(MANY, newest=2_000))]
)
def test_a_thousand_tenants_are_one_parameter_as_one_is(model, few, many):
    (short, one), (long, thousand) = listed(model, few), listed(model, many)
    assert len(one) == len(thousand) <= 2
    assert len(long) - len(short) in (0, len("+"))  # SQLite is told to leave an index be


def test_what_is_left_out_is_looked_up_once_and_not_per_row():
    sql, _ = listed(Job, AllBut(FEW, newest=2_000))
    assert '"jobs_job"."placement_id" IN (SELECT owner."id" FROM "servers_placement" owner WHERE NOT' in sql
    assert "JOIN" not in sql


@pytest.mark.parametrize("tenants", [FEW, AllBut(FEW, newest=2_000)])
def test_a_scope_is_put_together_in_few_steps(tenants):
    assert steps(tenants) - steps(EVERYTHING) < 450


def steps(tenants):
    """How many functions are called for the SQL of one list: its cost without the clock."""
    listed(Job, tenants)  # what Django keeps is made
    profile = cProfile.Profile()
    profile.runcall(listed, Job, tenants)
    return pstats.Stats(profile).total_calls
