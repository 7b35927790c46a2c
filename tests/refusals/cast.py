"""Who asks: every role in Amber, roles of one permission, and people beside, above and below it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from django.test import Client

from portal.accounts.models import Membership, User
from portal.accounts.token_text import new_token
from portal.core.access import PERMISSIONS, ROLES
from tests.factories import (
    ApiTokenFactory,
    CustomRoleFactory,
    ExclusionFactory,
    MembershipFactory,
    UserFactory,
)
from tests.refusals.places import ANCESTOR, OWN, RELATIONS, SIBLING, SUB, World


@dataclass(frozen=True)
class Asker:
    """Somebody signed in: what he holds, and the places in which he holds it."""

    called: str
    user: User
    session: str
    """Of his browser; a session key."""
    permissions: frozenset[str] = frozenset()
    reach: frozenset[str] = frozenset()
    """Of RELATIONS."""
    token: str = ""
    """What his script sends."""
    is_keeper: bool = False

    def holds_whole(self, relation: str) -> bool:
        """Whether he holds what he does in all of a place, what is below it included."""
        return {relation, SUB if relation == OWN else relation} <= self.reach


class Cast:
    """The people of one World; those with roles of single permissions are made when first asked for."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._custom: dict[frozenset[str], Asker] = {}

    @cached_property
    def named(self) -> list[Asker]:
        """Everybody but roles made for one permission."""
        tenants = {relation: self._world[relation].tenant for relation in RELATIONS}
        within = (OWN, SUB)
        people = [
            self._asker(f"{role} of Amber", MembershipFactory(tenant=tenants[OWN], role=role), within)
            for role in ROLES
        ]
        excluded = MembershipFactory(tenant=tenants[OWN], role="owner")
        ExclusionFactory(membership=excluded, tenant=tenants[SUB])
        return [
            self.keeper,
            *people,
            self._asker("owner of Amber but not Birch", excluded, [OWN]),
            self._asker("owner of Birch", MembershipFactory(tenant=tenants[SUB], role="owner"), [SUB]),
            self._asker(
                "owner of Cedar", MembershipFactory(tenant=tenants[SIBLING], role="owner"), [SIBLING]
            ),
            self._asker(
                "owner of Dune", MembershipFactory(tenant=tenants[ANCESTOR], role="owner"), RELATIONS
            ),
            _signed_in("somebody without a role", UserFactory()),
        ]

    def scripts(self, permissions: Iterable[str]) -> list[Asker]:
        """Tokens that are worth less than who made them, and one that nobody owns."""
        own, sub = self._world[OWN], self._world[SUB]
        keeper = self.keeper
        narrow = [
            replace(
                keeper,
                called=f"keeper's token for {one}",
                permissions=frozenset({one}),
                token=_token(owner=keeper.user, permissions=[one]),
            )
            for one in permissions
        ]
        within = replace(
            keeper,
            called="keeper's token for Birch",
            reach=frozenset({SUB}),
            token=_token(owner=keeper.user, tenant=sub.tenant),
        )
        ambers = replace(keeper, called="Amber's own token", token=_token(owner=None, tenant=own.tenant))
        return [*narrow, within, ambers]

    @cached_property
    def keeper(self) -> Asker:
        """Amber's own keeper, in the browser that opened Comet."""
        own = self._world[OWN]
        return Asker(
            "keeper of Amber",
            own.keeper.user,
            own.keepers_session,
            permissions=ROLES["owner"],
            reach=frozenset({OWN, SUB}),
            token=_token(owner=own.keeper.user),
            is_keeper=True,
        )

    def with_only(self, permissions: Iterable[str]) -> Asker:
        return self._with("only", frozenset(permissions))

    def without(self, permission: str) -> Asker:
        return self._with(f"all but {permission}", frozenset(PERMISSIONS) - {permission})

    def _with(self, called: str, permissions: frozenset[str]) -> Asker:
        if permissions not in self._custom:
            tenant = self._world[OWN].tenant
            name = f"only {' '.join(sorted(permissions))}" if called == "only" else called
            role = CustomRoleFactory(tenant=tenant, name=name[:60], permissions=sorted(permissions))
            held = MembershipFactory(tenant=tenant, role="", custom_role=role)
            self._custom[permissions] = self._asker(name, held, [OWN, SUB])
        return self._custom[permissions]

    def _asker(self, called: str, membership: Membership, reach: Iterable[str]) -> Asker:
        return _signed_in(called, membership.user, permissions=membership.granted, reach=frozenset(reach))


def _signed_in(called: str, user: User, **facts: Any) -> Asker:
    session = Client()
    session.force_login(user)
    return Asker(called, user, session.session.session_key or "", token=_token(owner=user), **facts)


def _token(*, permissions: Iterable[str] = PERMISSIONS, **whose: Any) -> str:
    """The text of a new API token."""
    text = new_token()
    ApiTokenFactory(text=text, permissions=list(permissions), **whose)
    return text
