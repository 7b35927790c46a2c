"""Places organizations and single User Profiles with Tenants, and takes that back."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from portal.audit import services as audit
from portal.core.access import Access
from portal.placing import history, plans
from portal.placing.errors import PlacingRefused
from portal.placing.models import Change, Move
from portal.placing.plans import Resolved, Step, require_open
from portal.placing.preview import is_stale, stays
from portal.placing.selectors import MANAGE
from portal.servers.models import CometServer, Placement
from portal.servers.placements import Moved, lock_servers, move_placements, tell_moved
from portal.tenants.models import Tenant
from portal.tenants.selectors import common_tenant_id
from portal.tenants.services import create_tenant


@dataclass(slots=True)
class Placed:
    """What came of it."""

    change: Change | None
    moves: list[Move] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    """Names of what somebody else placed meanwhile: it stays as he placed it."""
    operations: int = 0
    """Operations that move the history of single User Profiles."""


def place(resolved: Resolved, *, user: Any, ip: str | None = None) -> Placed:
    """Carry out a plan that `plans.resolve` has found for `user`.

    What stands otherwise than the plan has seen it was changed by somebody else, and is left alone.

    Raises:
        PlacingRefused: a Tenant cannot be made, or takes nothing any more.
    """
    fresh = [step for step in resolved.steps if not is_stale(step) and not stays(step)]
    _make_tenants(resolved, fresh, user, ip)
    placed = Placed(None)
    with transaction.atomic():
        lock_servers(step.row.server_id for step in resolved.steps)
        _require_still_open(step.target for step in fresh)
        done = _place_users if resolved.kind == "users" else _place_organizations
        done(resolved.steps, placed)
        _remember(placed, user=user, ip=ip)
    return placed


def take_back(change: Change, *, access: Access, user: Any, ip: str | None = None) -> Placed:
    """Put back what a Change placed; what was placed elsewhere since is left alone. Tenants it made stay.

    Raises:
        PermissionDenied: the caller may not place all of it, or not there.
        PlacingRefused: it was taken back already, or a Tenant takes nothing any more.
    """
    placed = Placed(None)
    with transaction.atomic():
        held = Change.objects.select_for_update().get(pk=change.pk)
        if held.taken_back_id is not None:
            raise PlacingRefused("This was taken back already.")
        moves = list(held.moves.select_related("server", "tenant_before", "tenant_after").order_by("pk"))
        lock_servers(move.server_id for move in moves)
        organizations: list[tuple[Placement, int, bool]] = []
        for move in moves:
            _require_may_undo(move, access)
            if move.username:
                _take_user_back(move, access, placed)
            else:
                _take_organization_back(move, organizations, placed)
        move_placements(organizations)
        _remember(placed, user=user, ip=ip, undone=held)
    return placed


def _make_tenants(resolved: Resolved, fresh: Sequence[Step], user: Any, ip: str | None) -> None:
    """Make the Tenants that are named only; before the transaction, since each is audited by itself."""
    made: dict[str, Tenant] = {}
    for step in fresh:
        if not step.new_name:
            continue
        key = step.new_name.casefold()
        if key not in made:
            try:
                made[key] = create_tenant(
                    parent=resolved.parent,
                    kind=Tenant.Kind.CUSTOMER,
                    name=step.new_name,
                    access=resolved.access,
                    actor=user,
                    ip=ip,
                )
            except ValidationError as error:  # somebody made it a moment ago
                raise PlacingRefused(" ".join(error.messages)) from error
        step.target = made[key]


def _require_still_open(targets: Iterable[Tenant | None]) -> None:
    ids = {tenant.pk for tenant in targets if tenant is not None}
    found = Tenant.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk").in_bulk()
    if len(found) != len(ids):
        raise PlacingRefused("A tenant of this plan is gone. Open the page again.")
    for tenant in found.values():
        require_open(tenant)


def _place_organizations(steps: Sequence[Step], placed: Placed) -> None:
    held = Placement.objects.select_related("server__tenant", "tenant").in_bulk(
        [step.row.pk for step in steps]
    )
    choices = []
    for step in steps:
        placement = held.get(step.row.pk)
        if placement is None or plans.standing(placement) != step.seen:
            placed.stale.append(step.label)
        elif step.target is not None and not stays(step):
            placed.moves.append(
                Move(
                    server=placement.server,
                    organization_id=placement.organization_id,
                    label=step.label[:255],
                    tenant_before=placement.tenant,
                    tenant_after=step.target,
                    was_unmapped=placement.is_unmapped,
                )
            )
            choices.append((placement, step.target.pk, False))
    move_placements(choices)


def _place_users(steps: Sequence[Step], placed: Placed) -> None:
    for step in steps:
        profile = (
            type(step.row)
            .objects.select_related("server__tenant", "placement__tenant", "placement__server")
            .filter(pk=step.row.pk)
            .first()
        )
        if profile is None or plans.standing(profile.placement) != step.seen:
            placed.stale.append(step.label)
        elif step.target is not None and not stays(step):
            placed.moves.append(_place_user(profile, None if step.goes_back else step.target, placed))


def _place_user(profile: Any, target: Tenant | None, placed: Placed) -> Move:
    """Place one User Profile by hand; None returns it to its organization."""
    before: Placement = profile.placement
    move = Move(
        server=profile.server,
        organization_id=profile.organization_id,
        username=profile.username,
        label=profile.username,
        tenant_before=before.tenant,
        was_unmapped=before.is_unmapped,
        was_by_hand=bool(before.username),
        is_by_hand=target is not None,
    )
    if target is None:
        home = Placement.objects.select_related("server__tenant", "tenant").get(
            server=profile.server_id, organization_id=profile.organization_id, username=""
        )
        move.tenant_after = home.tenant
        Placement.objects.filter(pk=before.pk).update(is_released=True)
        if not move_placements([(before, home.tenant_id, False)]):
            tell_moved([Moved(before, before.tenant_id)])
        _bring(profile, home, placed)
    elif before.username:  # by hand already: one row
        move.tenant_after = target
        move_placements([(before, target.pk, False)])
    else:
        move.tenant_after = target
        by_hand, _ = Placement.objects.update_or_create(
            server=profile.server,
            organization_id=profile.organization_id,
            username=profile.username,
            defaults={"tenant": target, "is_released": False, "is_unmapped": False},
        )
        _bring(profile, by_hand, placed)
        tell_moved([Moved(by_hand, before.tenant_id)])
    return move


def _bring(profile: Any, placement: Placement, placed: Placed) -> None:
    history.move_profile(profile, placement)
    if history.move_latest(profile):
        history.start(profile, profile.server)
        placed.operations += 1


def _require_may_undo(move: Move, access: Access) -> None:
    for tenant_id in (move.server.tenant_id, move.tenant_before_id, move.tenant_after_id):
        if tenant_id is not None and not access.allows(MANAGE, tenant_id=tenant_id):
            raise PermissionDenied(MANAGE)
    if move.tenant_before is not None and move.tenant_after_id is not None:
        plans.require_no_gain(
            move.label, move.tenant_after_id, move.tenant_before.pk, str(move.tenant_before), access
        )


def _take_organization_back(
    move: Move, organizations: list[tuple[Placement, int, bool]], placed: Placed
) -> None:
    placement = (
        Placement.objects.select_related("server__tenant")
        .filter(server=move.server_id, organization_id=move.organization_id, username="")
        .first()
    )
    if placement is None or placement.tenant_id != move.tenant_after_id or move.tenant_before is None:
        placed.stale.append(move.label)
        return
    require_open(move.tenant_before)
    organizations.append((placement, move.tenant_before.pk, move.was_unmapped))
    placed.moves.append(_reverse(move))


def _take_user_back(move: Move, access: Access, placed: Placed) -> None:
    profile: Any = (
        move.server.user_profiles.select_related("server__tenant", "placement__tenant", "placement__server")
        .filter(username=move.username, organization_id=move.organization_id)
        .first()
    )
    if (
        profile is None
        or profile.placement.tenant_id != move.tenant_after_id
        or bool(profile.placement.username) != move.is_by_hand
    ):
        placed.stale.append(move.label)
        return
    target = move.tenant_before if move.was_by_hand else plans.home_of(profile, access)
    if target is None:
        placed.stale.append(move.label)
        return
    require_open(target)
    _place_user(profile, target if move.was_by_hand else None, placed)
    placed.moves.append(_reverse(move))


def _reverse(move: Move) -> Move:
    return Move(
        server=move.server,
        organization_id=move.organization_id,
        username=move.username,
        label=move.label,
        tenant_before=move.tenant_after,
        tenant_after=move.tenant_before,
        was_by_hand=move.is_by_hand,
        is_by_hand=move.was_by_hand,
    )


def _remember(placed: Placed, *, user: Any, ip: str | None, undone: Change | None = None) -> None:
    """Keep the Moves as one Change, and audit them server by server."""
    if not placed.moves:
        return
    change = Change.objects.create(made_by=user, made_by_label=audit.label_of(user))
    for move in placed.moves:
        move.change = change
    Move.objects.bulk_create(placed.moves, batch_size=500)
    placed.change = change
    if undone is not None:
        Change.objects.filter(pk=undone.pk).update(taken_back=change)
    by_server: dict[CometServer, list[Move]] = defaultdict(list)
    for move in placed.moves:
        by_server[move.server].append(move)
    for server, moves in by_server.items():
        users = all(move.username for move in moves)
        audit.note(
            "server.place_back" if undone else "server.place_users" if users else "server.place",
            audit.DONE,
            actor=user,
            tenant_id=server.tenant_id,
            target=server,
            ip=ip,
            details={"change": change.pk, "placed": [move.label for move in moves]},
            owner_tenant_id=common_tenant_id(
                [server.tenant, *(one for move in moves for one in (move.tenant_before, move.tenant_after))]
            ),
            owner_details={
                "placed": [f"{move.label}: {_said_before(move)} → {_said_after(move)}" for move in moves]
            },
        )


def _said_before(move: Move) -> str:
    return f"{move.tenant_before} (not placed)" if move.was_unmapped else str(move.tenant_before)


def _said_after(move: Move) -> str:
    back = move.username and not move.is_by_hand
    return f"{move.tenant_after} (with its organization)" if back else str(move.tenant_after)
