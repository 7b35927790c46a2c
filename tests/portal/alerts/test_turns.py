"""Alerts open, close and open again with their series, each turn once."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.alerts import items, servers, vaults
from portal.alerts.causes import Cause
from portal.alerts.models import Alert, Opening, Rules
from portal.servers.models import SERVER_ITSELF
from tests.factories import (
    CometServerFactory,
    JobFactory,
    PlacementFactory,
    ProtectedItemFactory,
    StorageVaultFactory,
)
from tests.portal.alerts.conftest import become, broken

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("state", ["failed", "missed", "interrupted"])
def test_a_bad_backup_opens_and_the_next_good_one_closes(state):
    item = broken(state)
    items.evaluate([item.pk])
    alert = Alert.objects.get()
    assert (alert.is_open, alert.cause, alert.message, alert.item) == (True, state, "Disk full", item)

    become(item, "succeeded")
    items.evaluate([item.pk])
    alert.refresh_from_db()
    assert not alert.is_open
    assert alert.openings.get().closed_at == alert.closed_at

    become(item, "failed", "Again")
    items.evaluate([item.pk])
    alert.refresh_from_db()
    assert (alert.is_open, alert.openings_count, alert.message) == (True, 2, "Again")
    assert Alert.objects.count() == 1


@pytest.mark.parametrize("state", ["succeeded", "warning", "skipped", "unknown"])
def test_what_is_no_failure_opens_nothing(state):
    items.evaluate([ProtectedItemFactory(last_state=state, last_success_at=timezone.now()).pk])

    assert not Alert.objects.exists()


def test_a_cancelled_backup_leaves_the_alert_open():
    item = broken()
    items.evaluate([item.pk])
    become(item, "skipped")
    items.evaluate([item.pk])

    assert Alert.objects.get().is_open


@pytest.mark.parametrize("state", ["skipped", "unknown"])
def test_what_is_no_success_leaves_open_an_alert_of_an_item_that_had_one_before(state):
    item = broken(last_success_at=timezone.now() - timedelta(days=1))
    items.evaluate([item.pk])
    become(item, state)
    items.evaluate([item.pk])

    assert Alert.objects.get().is_open


def test_a_success_told_late_closes_though_a_later_backup_was_cancelled():
    item = broken(last_success_at=timezone.now() - timedelta(days=1))
    items.evaluate([item.pk])
    item.last_success_at = timezone.now()
    become(item, "skipped")
    items.evaluate([item.pk])

    assert not Alert.objects.get().is_open


def test_evaluating_again_changes_nothing():
    found = [broken().pk for _ in range(3)]
    items.evaluate(found)
    items.evaluate(found)

    assert Opening.objects.count() == 3
    assert items.missed_turns() == []


def test_the_queries_are_the_same_for_one_as_for_many(django_assert_num_queries):
    def queries(count):
        found = [broken().pk for _ in range(count)]
        with CaptureQueriesContext(connection) as captured:
            items.evaluate(found)
        return len(captured)

    assert queries(40) == queries(2)


def test_a_cause_that_changes_is_told_by_the_same_opening():
    item = broken("missed", "")
    items.evaluate([item.pk])
    become(item, "failed", "Disk full")
    items.evaluate([item.pk])
    become(item, "failed", "")  # the next failure, its log not read yet
    items.evaluate([item.pk])

    opening = Opening.objects.get()
    assert (opening.cause, opening.message) == (Cause.FAILED, "Disk full")


def test_the_sweep_finds_what_nobody_evaluated():
    opened, mended, same = broken(), broken(), broken()
    items.evaluate([mended.pk, same.pk])
    become(mended, "succeeded")

    missed = items.missed_turns()
    items.evaluate(missed)

    assert set(missed) == {opened.pk, mended.pk}
    assert set(Alert.objects.filter(is_open=True).values_list("item", flat=True)) == {opened.pk, same.pk}
    assert items.missed_turns() == []


def test_an_item_without_a_good_backup_for_days_is_silent_until_the_next():
    now = timezone.now()
    item = ProtectedItemFactory(last_state="succeeded", last_success_at=now - timedelta(days=4))
    ProtectedItemFactory(last_state="succeeded", last_success_at=now - timedelta(days=2))
    items.evaluate(items.silent_turns(now))
    assert Alert.objects.get().cause == Cause.SILENT

    become(item, "succeeded")
    items.evaluate([item.pk])
    assert not Alert.objects.get().is_open


def test_each_tenant_settles_its_own_silence_and_what_is_below_follows(reseller, customer):
    now = timezone.now()
    long_ago = {"last_state": "succeeded", "last_success_at": now - timedelta(days=4)}
    mine = ProtectedItemFactory(tenant=customer.tenant, **long_ago)
    other = ProtectedItemFactory(**long_ago)
    Rules.objects.create(tenant=reseller.tenant, silent_days=0)

    items.evaluate(items.silent_turns(now))

    assert not Alert.objects.filter(item=mine).exists()
    assert Alert.objects.filter(item=other).exists()


@pytest.mark.parametrize(
    ("pause_days", "backups", "silent_for_days", "said"),
    [
        (7, 4, 5, ""),
        (7, 4, 15, "more than 14 days"),
        (1, 9, 4, "more than 3 days"),
        (7, 2, 5, "more than 3 days"),
    ],
    ids=["weekly", "weekly and late", "daily and late", "too few to tell"],
)
def test_an_item_that_is_backed_up_rarely_may_stay_away_for_twice_as_long_as_usual(
    pause_days, backups, silent_for_days, said
):
    now = timezone.now()
    last = now - timedelta(days=silent_for_days)
    item = ProtectedItemFactory(last_state="succeeded", last_success_at=last)
    for number in range(backups):
        JobFactory(
            device=item.device, item_guid=item.guid, started_at=last - timedelta(days=number * pause_days)
        )
    items.evaluate(items.silent_turns(now))
    assert [alert.message for alert in Alert.objects.all()] == (
        [f"No good backup for {said}"] if said else []
    )


def test_a_suspended_user_is_not_silent():
    item = ProtectedItemFactory(last_state="succeeded", last_success_at=timezone.now() - timedelta(days=9))
    item.profile.is_suspended = True
    item.profile.save()

    items.evaluate([item.pk, *items.silent_turns(timezone.now())])

    assert not Alert.objects.exists()


def server_without_stream(minutes):
    then = timezone.now() - timedelta(minutes=minutes)
    server = CometServerFactory(stream="down", stream_changed_at=then, last_event_at=then)
    type(server).objects.filter(pk=server.pk).update(linked_at=then)
    PlacementFactory(server=server, organization_id=SERVER_ITSELF, tenant=server.tenant)
    return server


def test_a_server_without_stream_for_minutes_opens_and_closes_once_it_is_live():
    server = server_without_stream(11)
    server_without_stream(9)
    servers.evaluate_servers()
    alert = Alert.objects.get()
    assert (alert.server, alert.cause, alert.tenant_id) == (server, Cause.STALE, server.tenant_id)

    servers.evaluate_servers()
    assert Opening.objects.count() == 1

    server.stream = "up"
    server.save()
    servers.evaluate_servers()
    assert not Alert.objects.get().is_open


def test_a_server_heard_by_webhook_alone_opens_none_for_its_stream_and_closes_one_that_was_open():
    server = server_without_stream(44)
    servers.evaluate_servers()
    assert Alert.objects.get().is_open

    type(server).objects.update(stream="off")
    servers.evaluate_servers()
    assert not Alert.objects.get().is_open


@pytest.mark.parametrize(
    ("error", "why"), [("fr-par-2 did not answer", "did not answer"), ("", "not be read")]
)
def test_a_server_heard_by_webhook_alone_opens_one_once_it_neither_posted_nor_could_be_read(error, why):
    server = server_without_stream(46)
    rows = type(server).objects
    rows.update(stream="off", last_sync_error=error, last_read_at=timezone.now())
    servers.evaluate_servers()
    assert not Alert.objects.exists()

    rows.update(last_read_at=None)
    servers.evaluate_servers()
    alert = Alert.objects.get()
    assert (alert.is_open, alert.cause) == (True, Cause.STALE)
    assert alert.message.startswith("Nothing posted for 46 min")
    assert why in alert.message

    rows.update(last_event_at=timezone.now())
    servers.evaluate_servers()
    assert not Alert.objects.get().is_open


def test_a_longer_patience_with_servers_holds_for_what_is_heard_by_webhook_as_well(provider):
    server = server_without_stream(50)
    type(server).objects.update(stream="off")
    Rules.objects.create(tenant=server.tenant, stale_minutes=60)
    servers.evaluate_servers()
    assert not Alert.objects.exists()


def vault_with(status, message, **job):
    item = broken(message=message)
    vault = StorageVaultFactory(profile=item.profile)
    made = JobFactory(
        device=item.device,
        item_guid=item.guid,
        vault_guid=vault.guid,
        status=status,
        message=message,
        state="failed",
        **job,
    )
    item.last_job_guid, item.last_status = made.guid, status
    item.save()
    return vault, item


@pytest.mark.parametrize(
    ("status", "message", "cause"),
    [
        (7002, "Couldn't connect to Storage Vault 'A': timed out", Cause.UNREACHABLE),
        (7003, "whatever it says", Cause.QUOTA),
    ],
)
def test_a_vault_that_its_backups_cannot_use_has_an_alert_until_one_can(status, message, cause):
    vault, item = vault_with(status, message)
    items.evaluate([item.pk])
    assert Alert.objects.get(vault=vault).cause == cause

    good = JobFactory(
        device=item.device, item_guid=item.guid, vault_guid=vault.guid, started_at=timezone.now()
    )
    item.last_job_guid = good.guid
    become(item, "succeeded")
    items.evaluate([item.pk])
    assert not Alert.objects.get(vault=vault).is_open


def test_a_backup_that_broke_elsewhere_says_nothing_of_its_vault():
    _, item = vault_with(7002, "Couldn't open '…': access is denied")
    items.evaluate([item.pk])

    assert not Alert.objects.filter(kind="vault").exists()


@pytest.mark.parametrize(("status", "state"), [(7002, "failed"), (7005, "skipped")])
def test_a_backup_that_does_not_say_why_it_ended_leaves_the_alert_of_its_vault_open(status, state):
    """Of a failure the log is read a while after; until then nobody knows that it says the same again."""
    vault, item = vault_with(7002, "Couldn't connect to Storage Vault 'A': timed out")
    items.evaluate([item.pk])
    following = JobFactory(
        device=item.device, item_guid=item.guid, vault_guid=vault.guid, status=status, state=state
    )
    item.last_job_guid = following.guid
    become(item, state)
    items.evaluate([item.pk])
    vaults.evaluate_vaults()

    assert Alert.objects.get(vault=vault).is_open


def test_a_vault_that_was_full_and_is_not_has_no_alert_though_its_last_backup_says_nothing():
    vault, _ = vault_with(7002, "")
    type(vault).objects.update(limit_bytes=100, size_bytes=100)
    vaults.evaluate_vaults()
    type(vault).objects.update(size_bytes=50)
    vaults.evaluate_vaults()

    assert not Alert.objects.get(vault=vault).is_open


def test_a_vault_that_nothing_is_backed_up_into_any_more_has_no_alert():
    vault, item = vault_with(7002, "Couldn't connect to Storage Vault 'A': timed out")
    items.evaluate([item.pk])
    elsewhere = JobFactory(device=item.device, item_guid=item.guid, vault_guid="another", state="failed")
    item.last_job_guid = elsewhere.guid
    become(item, "failed")
    vaults.evaluate_vaults()

    assert not Alert.objects.get(vault=vault).is_open


def test_a_vault_at_its_limit_has_an_alert_until_there_is_room():
    vault = StorageVaultFactory(limit_bytes=100, size_bytes=100)
    StorageVaultFactory(limit_bytes=0, size_bytes=100)
    vaults.evaluate_vaults()
    assert Alert.objects.get().vault == vault

    type(vault).objects.update(size_bytes=50)
    vaults.evaluate_vaults()
    assert not Alert.objects.get().is_open


def test_an_item_that_goes_takes_its_alert_along():
    item = broken()
    items.evaluate([item.pk])
    item.delete()

    assert not Alert.objects.exists()
