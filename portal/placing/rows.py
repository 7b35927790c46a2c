"""Rows of the placing pages: what each shows to who asks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from portal.core.access import Access
from portal.placing import selectors
from portal.placing.models import Change
from portal.placing.selectors import MANAGE
from portal.placing.suggestions import Suggestion

FIRST = 5
"""Moves of a change that are told one by one."""


@dataclass(frozen=True, slots=True)
class Row:
    """An organization or User Profile. `tenant_name` is empty for who may not know of that Tenant."""

    of: Any
    name: str
    tenant_name: str
    users: int
    devices: int
    suggestion: Suggestion | None
    can_place: bool


def placement_rows(
    access: Access, placements: Iterable[Any], suggestions: Mapping[int, Suggestion]
) -> list[Row]:
    """Two queries for what they hold."""
    placements = list(placements)
    held = selectors.count_held(placements)
    return [
        Row(
            of=placement,
            name=selectors.name_of(placement),
            tenant_name=_name_of(access, placement.tenant),
            users=held[placement.pk][0],
            devices=held[placement.pk][1],
            suggestion=suggestions.get(placement.pk),
            can_place=access.allows(MANAGE, tenant_id=placement.tenant_id),
        )
        for placement in placements
    ]


def profile_rows(access: Access, profiles: Iterable[Any], suggestions: Mapping[int, Suggestion]) -> list[Row]:
    return [
        Row(
            of=profile,
            name=profile.username,
            tenant_name=_name_of(access, profile.placement.tenant),
            users=1,
            devices=profile.device_count,
            suggestion=suggestions.get(profile.pk),
            can_place=access.allows(MANAGE, tenant_id=profile.placement.tenant_id),
        )
        for profile in profiles
    ]


@dataclass(frozen=True, slots=True)
class MoveLine:
    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """A change with its first Moves; `can_undo` where nobody has taken it back and the caller may."""

    change: Change
    lines: list[MoveLine]
    more: int
    can_undo: bool


def change_rows(access: Access, changes: Iterable[Any]) -> list[ChangeRow]:
    """One query for all Moves of a page."""
    changes = list(changes)
    found: dict[int, list[Any]] = {change.pk: [] for change in changes}
    for move in selectors.list_moves(access, [change.pk for change in changes]):
        found[move.change_id].append(move)
    return [
        ChangeRow(
            change=change,
            lines=[
                MoveLine(
                    move.label,
                    "not placed"
                    if move.was_unmapped
                    else _name_of(access, move.tenant_before) or "elsewhere",
                    _name_of(access, move.tenant_after) or "elsewhere",
                )
                for move in moves[:FIRST]
            ],
            more=max(0, len(moves) - FIRST),
            can_undo=change.taken_back_id is None
            and not change.is_undo
            and len(moves) == change.size
            and all(
                tenant is not None and access.allows(MANAGE, tenant_id=tenant)
                for move in moves
                for tenant in (move.tenant_before_id, move.tenant_after_id)
            ),
        )
        for change, moves in ((change, found[change.pk]) for change in changes)
    ]


def _name_of(access: Access, tenant: Any) -> str:
    if tenant is None or not access.allows("tenant:view", tenant_id=tenant.pk):
        return ""
    return str(tenant)
