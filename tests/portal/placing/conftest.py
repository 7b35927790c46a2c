"""One server of the provider with organizations that are not placed yet, and tenants to place them with."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from portal.accounts.access import access_for
from portal.placing import plans, services
from portal.placing.services import Placed
from portal.servers.models import CometServer, Placement
from portal.servers.placements import ensure_placements
from tests.cast import Person
from tests.factories import CometServerFactory, OrganizationFactory, UserProfileFactory


@dataclass
class Board:
    """What the tests place."""

    server: CometServer
    names: dict[str, Placement] = field(default_factory=dict)

    def organization(self, name: str, **values: Any) -> Placement:
        """An organization that is with the server's owner for want of a choice."""
        organization = OrganizationFactory(server=self.server, name=name)
        key = organization.organization_id
        placement = ensure_placements(self.server, [key]).of_organization(key)
        for column, value in values.items():
            setattr(placement, column, value)
        placement.save()
        self.names[name] = placement
        return placement

    def user(self, name: str, organization_id: str = "", **values: Any) -> Any:
        """A User Profile, at the top level unless an organization is given."""
        placement = ensure_placements(self.server, []).of_organization(organization_id)
        return UserProfileFactory(placement=placement, username=name, **values)


@pytest.fixture
def board(provider: Person) -> Board:
    return Board(CometServerFactory(tenant=provider.tenant, name="fr-par-1"))


def place(person: Person, kind: str, *lines: tuple[Any, Any], parent: int = 0) -> Placed:
    """Place rows as `person`: (row, Tenant, the name of a new one, or BACK)."""
    made = []
    for row, to in lines:
        row.refresh_from_db()
        placement = row if kind == "organizations" else row.placement
        name = to if isinstance(to, str) else ""
        target = to if isinstance(to, int) else 0 if name else to.pk
        made.append(plans.Line(row.pk, plans.standing(placement), target, name))
    plan = plans.Plan(kind, made, parent)  # type: ignore[arg-type]
    return services.place(plans.resolve(plan, access_for(person.user)), user=person.user)
