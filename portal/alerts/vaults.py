"""Alerts of Storage Vaults: what the latest backups into them say, and whether they are full."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from portal.alerts.causes import Cause, cause_at_vault
from portal.alerts.models import Alert
from portal.alerts.turns import Standing, Turned, turn
from portal.core.chunks import chunked
from portal.fleet.models import ProtectedItem, StorageVault
from portal.jobs.models import Job
from portal.jobs.states import GOOD

CHUNK: Final = 500

AT_LIMIT: Final = "What it holds has reached its limit"


class Result(NamedTuple):
    """What the latest backups into a vault say of it."""

    tells: bool
    """False where none says whether it can be used: it broke elsewhere, or its log was not read yet."""
    ended_at: datetime
    cause: Cause | None = None
    message: str = ""
    """Its log's line."""


def evaluate_of_items(item_ids: Sequence[int]) -> Turned:
    """Bring the alerts of the vaults that these items were last backed up into to where they stand.

    Within the caller's transaction. Vaults whose backups go well and that have no alert cost nothing more.
    """
    profiles = set(ProtectedItem.objects.filter(pk__in=item_ids).values_list("profile", flat=True))
    results = {key: result for key, result in _latest_results(profiles).items() if result.tells}
    if not results:
        return Turned()
    guids = {guid for _, guid in results}
    vaults = StorageVault.objects.filter(profile__in=profiles, guid__in=guids)
    found = vaults.values_list("pk", "profile_id", "guid")
    return _evaluate({pk: results[pair] for pk, *key in found if (pair := (key[0], key[1])) in results})


def evaluate_vaults() -> Turned:
    """Bring to where they stand the vaults that are full, and those whose alerts are open."""
    full = Q(limit_bytes__gt=0, size_bytes__gte=F("limit_bytes"))
    vaults = StorageVault.objects.filter(server__unlinking_at=None).filter(full | Q(alert__is_open=True))
    turned = Turned()
    for chunk in chunked(list(vaults.order_by().values_list("pk", "profile_id", "guid")), CHUNK):
        with transaction.atomic():
            results = _latest_results({profile_id for _, profile_id, _ in chunk})
            turned += _evaluate({pk: results.get((profile_id, guid)) for pk, profile_id, guid in chunk})
    return turned


def _latest_results(profile_ids: set[int]) -> dict[tuple[int, str], Result]:
    """By (profile, vault's GUID): of the last backups of each item the latest that tells, if one does."""
    guids = ProtectedItem.objects.filter(profile__in=profile_ids).exclude(last_job_guid="")
    jobs = Job.objects.filter(
        server__in=guids.values("server"),
        guid__in=list(guids.values_list("last_job_guid", flat=True)),
        profile__in=profile_ids,
        ended_at__isnull=False,
    ).exclude(vault_guid="")
    latest: dict[tuple[int, str], Result] = {}
    columns = ("profile_id", "vault_guid", "ended_at", "status", "state", "message")
    for profile_id, guid, ended_at, status, state, message in jobs.values_list(*columns):
        cause = cause_at_vault(status, message)
        result = Result(cause is not None or state in GOOD, ended_at, cause, message if cause else "")
        held = latest.get((profile_id, guid))
        if held is None or result[:2] > held[:2]:
            latest[profile_id, guid] = result
    return latest


def _evaluate(results: dict[int, Result | None]) -> Turned:
    """Vault id -> the latest that was heard of it."""
    now = timezone.now()
    known = set(Alert.objects.filter(vault__in=list(results)).values_list("vault", flat=True))
    loaded = list(
        StorageVault.objects.filter(pk__in=list(results))
        .select_related("profile", "placement")
        .order_by("pk")
    )
    made = []
    for vault in loaded:
        standing = _standing_of(vault, results[vault.pk])
        if vault.pk not in known and standing.cause:
            made.append(
                Alert(
                    kind=Alert.Kind.VAULT,
                    server_id=vault.server_id,
                    placement_id=vault.placement_id,
                    profile_id=vault.profile_id,
                    vault=vault,
                    label=standing.label,
                    cause=standing.cause,
                    opened_at=now,
                )
            )
    Alert.objects.bulk_create(made, ignore_conflicts=True)
    if not made and not known:
        return Turned()
    alerts = {
        alert.vault_id: alert
        for alert in Alert.objects.select_for_update().filter(vault__in=list(results)).order_by("pk")
    }
    return turn(
        (alert, _standing_of(vault, results[vault.pk], alert))
        for vault in loaded
        if (alert := alerts.get(vault.pk)) is not None
    )


def _standing_of(vault: StorageVault, result: Result | None, alert: Alert | None = None) -> Standing:
    """How a vault stands. What nothing tells of stays as its alert says, unless it was full and is not."""
    told = (vault.placement_id, vault.placement.tenant_id, f"{vault.name} of {vault.profile.username}")
    if vault.limit_bytes and vault.size_bytes >= vault.limit_bytes:
        return Standing(*told, cause=Cause.QUOTA, message=AT_LIMIT)
    if result is None:
        return Standing(*told)
    is_known = result.tells or (alert is not None and alert.message == AT_LIMIT)
    return Standing(*told, cause=result.cause, message=result.message, is_known=is_known)
