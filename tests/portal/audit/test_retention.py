"""Months are closed and removed whole; their seals stay, and the chain verifies across them."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from portal.audit import retention
from portal.audit import services as audit
from portal.audit.chain import chain, get_head
from portal.audit.checkpoint import check
from portal.audit.models import Entry, Segment
from portal.audit.verification import Kept, verify
from tests.factories import OperationFactory

pytestmark = pytest.mark.django_db


def at(year, month, day=10):
    return time_machine.travel(datetime(year, month, day, 12, tzinfo=UTC), tick=False)


def write(count=2):
    for _ in range(count):
        audit.note("tenant.rename", audit.DONE, actor=None, tenant_id=None)
    chain()


@pytest.fixture
def year():
    """Four entries in each month of 2026, and six in January 2027; the clock stands in April 2027."""
    for month in range(1, 13):
        with at(2026, month):
            write()
    with at(2027, 1):
        write(3)
    with at(2027, 4):
        yield


def segments():
    return [
        (f"{one.month:%Y-%m}", one.first_number, one.last_number) for one in Segment.objects.order_by("month")
    ]


def test_months_that_are_over_are_closed_once(year):
    assert len(retention.seal_months()) == 13
    assert segments()[:2] == [("2026-01", 1, 4), ("2026-02", 5, 8)]
    assert segments()[-1] == ("2027-01", 49, 54)
    assert retention.seal_months() == []
    assert verify().findings == []


def test_the_month_under_way_stays_open():
    with at(2026, 1):
        write()
        assert retention.seal_months() == []
    with at(2026, 2, day=1):
        assert retention.seal_months() == []  # what began before midnight may still be written
    with at(2026, 2, day=3):
        assert len(retention.seal_months()) == 1


def test_an_entry_sealed_after_its_months_end_belongs_to_the_next():
    with at(2026, 1):
        write()
    with at(2026, 2):
        write(1)
    with at(2026, 3):
        assert [one.last_number for one in retention.seal_months()] == [4, 6]
        with at(2026, 1):  # its transaction was open for a month
            late = audit.note("tenant.rename", audit.DONE, actor=None, tenant_id=None)
        chain()
        write(1)
    with at(2026, 4):
        retention.seal_months()

    assert segments()[-1] == ("2026-03", 7, 10)
    assert Entry.objects.get(pk=late.pk).number == 8
    with at(2026, 4):
        assert verify().findings == []


def test_what_is_older_than_it_is_kept_is_removed_and_the_rest_verifies(year, settings):
    settings.AUDIT_RETENTION_MONTHS = 12
    retention.seal_months()
    check()

    removed = retention.prune()
    chain()

    assert [f"{one.month:%Y-%m}" for one in removed] == ["2026-01", "2026-02", "2026-03"]
    assert Entry.objects.filter(number__lte=12).count() == 0
    assert Entry.objects.filter(number=13).exists()
    assert verify().findings == []
    told = Entry.objects.filter(action="audit.prune", begun=None).order_by("pk")[0]
    assert told.details == {"month": "2026-01", "entries": 4, "first": 1, "last": 4}


def test_an_interrupted_removal_verifies_and_is_finished(year, settings, monkeypatch):
    settings.AUDIT_RETENTION_MONTHS = 12
    monkeypatch.setattr(retention, "BATCH", 2)
    retention.seal_months()
    check()
    monkeypatch.setattr(retention, "_delete", killed_after_the_first())
    with pytest.raises(KeyboardInterrupt):
        retention.prune()
    chain()
    assert sorted(Entry.objects.filter(number__lte=4).values_list("number", flat=True)) == [3, 4]
    assert verify().findings == []
    monkeypatch.undo()

    retention.prune()
    chain()

    assert not Entry.objects.filter(number__lte=12).exists()
    assert verify().findings == []


def killed_after_the_first():
    delete, calls = retention._delete, []

    def once(first, last):
        if calls:
            raise KeyboardInterrupt
        calls.append(first)
        delete(first, last)

    return once


def test_zero_months_keep_everything(year, settings):
    settings.AUDIT_RETENTION_MONTHS = 0
    retention.seal_months()
    check()

    assert retention.prune() == []


def test_nothing_is_removed_that_was_not_found_intact(year, settings, tamper):
    settings.AUDIT_RETENTION_MONTHS = 12
    retention.seal_months()
    with pytest.raises(retention.RemovalRefused):
        retention.prune()
    tamper("UPDATE audit_entry SET object_label = 'x' WHERE number = 2")
    check(whole=True)

    with pytest.raises(CommandError, match="not found intact"):
        call_command("audit", "prune")
    assert Entry.objects.filter(number=1).exists()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE audit_segment SET last_mac = 'x' WHERE first_number = 5", "does not match its seal"),
        ("UPDATE audit_segment SET removed_at = sealed_at WHERE first_number = 5", "does not match its seal"),
        ("DELETE FROM audit_segment WHERE first_number = 5", "is missing: 5 to 8"),
    ],
)
def test_a_segment_tampered_with_is_found(year, tamper, statement, said):
    retention.seal_months()
    tamper(statement)

    assert said in " ".join(verify().findings)


def test_a_removal_that_the_portal_did_not_make_is_found(year, tamper):
    retention.seal_months()
    tamper(
        "UPDATE audit_segment SET removed_at = sealed_at WHERE first_number = 1",
        "DELETE FROM audit_entry WHERE number <= 4",
    )

    found = " ".join(verify().findings)
    assert "does not match its seal" in found
    assert "Entries 1 to 4 are missing" in found


def test_a_head_kept_elsewhere_is_compared_across_removed_months(year, settings):
    settings.AUDIT_RETENTION_MONTHS = 12
    ends, middle = Entry.objects.get(number=12), Entry.objects.get(number=10)
    retention.seal_months()
    check()
    retention.prune()
    chain()

    assert verify(kept=Kept(12, ends.mac)).findings == []
    assert "written anew" in verify(kept=Kept(12, middle.mac)).findings[0]
    assert "Keep a newer one" in verify(kept=Kept(10, middle.mac)).findings[0]
    assert verify(kept=Kept(get_head().number, get_head().mac)).findings == []


def test_what_pointed_at_a_removed_entry_points_at_nothing(year, settings):
    settings.AUDIT_RETENTION_MONTHS = 12
    operation = OperationFactory(audit_entry=Entry.objects.get(number=1))
    retention.seal_months()
    check()

    retention.prune()

    operation.refresh_from_db()
    assert operation.audit_entry_id is None


def test_the_command_says_what_it_would_remove_and_removes_nothing(year, settings, capsys):
    settings.AUDIT_RETENTION_MONTHS = 12
    call_command("audit", "seal")
    check()

    call_command("audit", "prune", "--dry-run")

    said = capsys.readouterr().out
    assert "Closed 2026-01: 1 to 4: 4 entries." in said
    assert "Would remove 2026-03: 9 to 12: 4 entries. Its seal stays." in said
    assert Entry.objects.filter(number=1).exists()


def test_the_database_lets_go_only_of_removed_months(year):
    retention.seal_months()

    with pytest.raises(Exception, match="are never"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_entry WHERE number = 1")
