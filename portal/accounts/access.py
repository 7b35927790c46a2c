"""Builds a person's `Access` from Memberships."""

from collections import defaultdict
from typing import Final

import msgspec
from django.contrib.auth.models import AnonymousUser
from django.db import connection

from portal.accounts.models import User, known_permissions
from portal.core.access import NO_ACCESS, ROLES, Access
from portal.tenants.models import Tenant

_BELOW: Final = {
    "sqlite": "{path} >= {top} AND {path} < (substr({top}, 1, length({top}) - 1) || '0')",
    "postgresql": "{path} ~>=~ {top} AND {path} ~<~ (left({top}, -1) || '0')",
}
"""Paths at or below `top`, by the index on paths: they end in `/`, and the character after it is 0."""

_IDS: Final = {"sqlite": "group_concat({id})", "postgresql": "string_agg({id}::text, ',')"}

_QUERY: Final = """
    SELECT membership.role, custom.permissions, held.parent_id IS NULL AND NOT EXISTS ({exclusions}),
        CASE WHEN {narrowed} OR held.parent_id IS NOT NULL OR EXISTS ({exclusions}) THEN (
            SELECT {ids} FROM tenants_tenant reached
            WHERE {reached} {within} AND NOT reached.is_trashed
                AND NOT EXISTS ({exclusions} AND {excluded})
        ) END
    FROM accounts_membership membership
    JOIN tenants_tenant held ON held.id = membership.tenant_id
    LEFT JOIN accounts_customrole custom ON custom.id = membership.custom_role_id
    WHERE membership.user_id = %s AND NOT held.is_suspended AND NOT held.is_trashed
"""
"""Per Membership: its role, whether it reaches everything, and else the ids of what it reaches.

Those in suspended and trashed Tenants count for nothing, and nobody reaches a trashed Tenant. One
statement whoever asks, so that a scope costs no query.
"""

_EXCLUSIONS: Final = """
    SELECT 1 FROM accounts_exclusion exclusion JOIN tenants_tenant gone ON gone.id = exclusion.tenant_id
    WHERE exclusion.membership_id = membership.id
"""


def access_for(user: User | AnonymousUser | None, *, within: Tenant | None = None) -> Access:
    """What `user` may do; `within` narrows it to one Tenant's subtree (the tenant switcher). One query."""
    if user is None or not user.is_authenticated or not user.is_active:
        return NO_ACCESS
    everywhere: frozenset[str] = frozenset()
    reached: dict[frozenset[str], set[int]] = defaultdict(set)
    for role, permissions, is_whole, ids in _memberships(user.pk, within):
        granted = ROLES[role] if role else known_permissions(msgspec.json.decode(permissions or "[]"))
        if is_whole and within is None:
            everywhere |= granted
        elif ids:
            reached[granted].update(map(int, ids.split(",")))
    return Access(user.pk, _added_up(reached), everywhere)


def _memberships(user_id: int, within: Tenant | None) -> list[tuple[str, str | None, bool, str | None]]:
    below = _BELOW[connection.vendor]
    query = _QUERY.format(
        ids=_IDS[connection.vendor].format(id="reached.id"),
        reached=below.format(path="reached.path", top="held.path"),
        excluded=below.format(path="reached.path", top="gone.path"),
        exclusions=_EXCLUSIONS,
        narrowed="1 = 1" if within else "1 = 0",
        within="AND reached.path LIKE %s" if within else "",
    )
    with connection.cursor() as cursor:
        cursor.execute(query, [f"{within.path}%", user_id] if within else [user_id])
        return cursor.fetchall()


def _added_up(reached: dict[frozenset[str], set[int]]) -> dict[int, frozenset[str]]:
    grants: dict[int, frozenset[str]] = {}
    for granted, tenant_ids in reached.items():
        for tenant_id in tenant_ids:
            held = grants.get(tenant_id)
            grants[tenant_id] = granted if held is None else held | granted
    return grants
