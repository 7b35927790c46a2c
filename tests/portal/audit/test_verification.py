"""Each way to tamper with the audit is found, and where."""

import json

import pytest
from django.core.management import CommandError, call_command

from portal.audit import guards
from portal.audit import services as audit
from portal.audit.chain import chain, get_head
from portal.audit.checkpoint import check, get_checkpoint
from portal.audit.models import Checkpoint, Entry, Head
from portal.audit.verification import Kept, verify

COLUMNS = ", ".join(
    column
    for column in (field.column for field in Entry._meta.concrete_fields)
    if column not in {"id", "number", "mac", "stamp"}
)
PARKED = "UPDATE audit_entry SET number = -{0} WHERE number = {0}"


def another():
    audit.note("tenant.rename", audit.DONE, actor=None, tenant_id=None)
    chain()


def found():
    return " ".join(verify().findings)


def test_what_nobody_touched_is_intact(five):
    report = verify()

    assert (report.findings, report.checked, report.head.number) == ([], 10, 10)


@pytest.mark.parametrize(
    "change",
    [
        "at = (SELECT at FROM audit_entry WHERE number = 1)",
        "action = 'tenant.create'",
        "phase = 'ended'",
        "outcome = 'failed'",
        "begun_id = (SELECT id FROM audit_entry WHERE number = 1)",
        "tenant_id = NULL",
        "actor_id = 1",
        "actor_label = 'Somebody else'",
        "viewing_as = 'x'",
        "via = 'x'",
        "ip_address = '192.0.2.8'",
        "object_type = 'x'",
        "object_id = '7'",
        "object_label = 'x'",
        "details = '{\"number\": 9}'",
        "owner_tenant_id = 1",
        "owner_details = '{\"x\": 1}'",
        "duration_ms = 7",
        "stamp = 'x'",
        "mac = 'x'",
    ],
)
def test_a_changed_entry_is_found(five, tamper, change):
    tamper(f"UPDATE audit_entry SET {change} WHERE number = 5")

    assert "Entry 5 (" in found()


def test_a_deleted_entry_is_found(five, tamper):
    tamper("DELETE FROM audit_entry WHERE number IN (4, 5, 8)")

    assert "Entries 4 to 5 are missing" in found()
    assert "Entry 8 is missing" in found()


def test_the_newest_entry_deleted_is_found(five, tamper):
    tamper("DELETE FROM audit_entry WHERE number = 10")

    assert "Entry 10 is missing" in found()


def test_the_newest_entry_deleted_with_the_head_moved_back_is_found(five, tamper):
    tamper(
        "DELETE FROM audit_entry WHERE number = 10",
        "UPDATE audit_head SET number = 9, mac = (SELECT mac FROM audit_entry WHERE number = 9)",
    )

    assert "The head of the chain does not match its seal" in found()


def test_an_older_head_put_back_whole_is_found_by_the_one_kept_elsewhere(five, tamper):
    older = audit.chain.get_head()
    another()
    newer = audit.chain.get_head()
    tamper(
        "DELETE FROM audit_entry WHERE number > 10",
        f"UPDATE audit_head SET number = 10, mac = '{older.mac}', seal = '{older.seal}'",
    )

    assert verify().findings == []  # from the inside nothing can be seen
    kept = Kept(newer.number, newer.mac)
    assert "the newest were deleted" in verify(kept=kept).findings[0]


def test_a_chain_written_anew_is_found_by_the_head_kept_elsewhere(five, tamper):
    kept = Kept(8, five[7].mac)
    assert verify(kept=kept).findings == []
    tamper("DELETE FROM audit_entry", "DELETE FROM audit_head")
    for _ in range(5):
        another()

    assert verify().findings == []
    assert "written anew" in verify(kept=kept).findings[0]


def test_two_entries_in_each_others_place_are_found(five, tamper):
    tamper(
        PARKED.format(3),
        "UPDATE audit_entry SET number = 3 WHERE number = 5",
        "UPDATE audit_entry SET number = 5 WHERE number = -3",
    )

    assert "Entry 3 (" in found()
    assert "Entry 5 (" in found()


def test_an_inserted_entry_is_never_sealed_and_is_found(five, tamper):
    copy = (
        f"INSERT INTO audit_entry (id, stamp, mac, number, {COLUMNS}) SELECT {{}}, {COLUMNS} FROM audit_entry"
    )
    tamper(
        f"{copy.format('7, stamp, NULL_MAC, NULL')} WHERE number = 3".replace("NULL_MAC", "''"),
        f"{copy.format('''8, '', '', NULL''')} WHERE number = 3",
    )

    assert chain() == 0
    assert "its stamp does not match" in found()
    assert "bears no stamp" in found()


def test_an_entry_inserted_with_a_number_is_found(five, tamper):
    tamper(
        f"INSERT INTO audit_entry (id, stamp, mac, number, {COLUMNS})"
        f" SELECT 7, stamp, mac, 11, {COLUMNS} FROM audit_entry WHERE number = 10"
    )

    assert "Entry 11 is beyond the head" in found()


def test_guards_taken_down_are_found(five):
    guards.remove()

    assert "triggers are gone" in found()
    guards.install()


def test_the_command_tells_where_and_ends_with_status_1(five, tamper, capsys):
    call_command("audit", "verify")
    assert "Intact: 10 entries" in capsys.readouterr().out
    tamper("UPDATE audit_entry SET outcome = 'failed' WHERE number = 6")

    with pytest.raises(CommandError) as refused:
        call_command("audit", "verify")

    assert refused.value.returncode == 1
    assert "Entry 6 (tenant.rename ended, " in capsys.readouterr().out


def test_the_printed_head_is_what_verify_compares_with(five, tmp_path, capsys, tamper):
    call_command("audit", "head")
    kept = tmp_path / "head.json"
    kept.write_text(capsys.readouterr().out)
    assert json.loads(kept.read_text())["number"] == 10
    call_command("audit", "verify", "--head", str(kept))
    tamper("DELETE FROM audit_entry", "DELETE FROM audit_head")

    with pytest.raises(CommandError):
        call_command("audit", "verify", "--head", str(kept))
    assert "the newest were deleted" in capsys.readouterr().out


def test_a_file_that_is_no_head_is_refused(tmp_path, db):
    with pytest.raises(CommandError, match="holds no head"):
        call_command("audit", "verify", "--head", str(tmp_path / "none"))


def test_the_nightly_check_goes_on_where_it_was_intact_and_keeps_what_it_finds(five, tamper):
    assert check().checked == 10
    another()
    assert check().checked == 2
    assert get_checkpoint().number == 12
    tamper("UPDATE audit_entry SET outcome = 'failed' WHERE number = 6")

    assert check().intact  # it looked at what is new alone
    assert not check(whole=True).intact
    assert "Entry 6 (" in get_checkpoint().problems[0]


def test_an_older_state_put_back_is_found_also_when_the_whole_chain_is_verified(five, tamper):
    old = get_head()
    another()
    assert check().intact

    tamper("DELETE FROM audit_entry WHERE number > 10")
    Head.objects.filter(pk=1).update(number=old.number, mac=old.mac, seal=old.seal)

    assert "the newest were deleted" in " ".join(check(whole=True).findings)
    another()  # as many as before, and others
    assert "written anew" in " ".join(check(whole=True).findings)
    assert get_checkpoint().problems


def test_a_checkpoint_put_forward_is_not_believed(five, tamper):
    check()
    tamper("UPDATE audit_entry SET outcome = 'failed' WHERE number = 6")
    Checkpoint.objects.update(number=9)

    assert not check().intact
