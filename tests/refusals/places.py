"""The World: a tree of tenants with one object of every kind in each of four places.

    Dune (the provider)            the ancestor
    ├── Amber (a reseller)         the people's own tenant
    │   └── Birch (its customer)   the sub-tenant
    └── Cedar (a reseller)         the sibling

Everything placed somewhere has the place's mark in its name, so that a page which shows it tells.
"""

from typing import Final

from allauth.usersessions.models import UserSession
from django.utils import timezone

from portal.accounts.models import SecondFactorRule
from portal.alerts.models import Handling, Rules
from portal.live.webhooks import intake_of
from portal.sso.services import session_digest
from portal.tenants.models import Tenant
from tests.cast import Person
from tests.factories import (
    AlertFactory,
    ApiTokenFactory,
    CometServerFactory,
    CustomRoleFactory,
    DeviceFactory,
    EntryFactory,
    EventFactory,
    InvitationFactory,
    JobFactory,
    LaunchFactory,
    MembershipFactory,
    MoveFactory,
    OperationFactory,
    OperationItemFactory,
    OrganizationFactory,
    PlacementFactory,
    ProtectedItemFactory,
    SetAsideFactory,
    StorageVaultFactory,
    TenantFactory,
    UserFactory,
    UserProfileFactory,
    provider_tenant,
    security_key,
)
from tests.marks import marked

OWN: Final = "own"
SUB: Final = "sub"
SIBLING: Final = "sibling"
ANCESTOR: Final = "ancestor"
RELATIONS: Final = (OWN, SUB, SIBLING, ANCESTOR)
"""How a place stands to the reseller whose people ask."""

MARKS: Final = {OWN: "Amber", SUB: "Birch", SIBLING: "Cedar", ANCESTOR: "Dune"}


class Place:
    """One tenant, with one of everything in it. Its keeper is its owner, signed in."""

    def __init__(self, tenant: Tenant, mark: str) -> None:
        self.tenant, self.mark = tenant, mark
        self._make_tenants()
        self._make_server()
        self._make_fleet()
        self._make_people()
        self._make_what_the_keeper_has()

    def _make_tenants(self) -> None:
        self.below = TenantFactory(parent=self.tenant, name=f"{self.mark} below")
        self.beside = TenantFactory(parent=self.tenant, name=f"{self.mark} beside")
        self.trashed = TenantFactory(parent=self.tenant, name=f"{self.mark} in the trash")
        self.trashed.trashed_at, self.trashed.is_trashed = timezone.now(), True
        self.trashed.save()

    def _make_server(self) -> None:
        self.server = CometServerFactory(
            tenant=self.tenant,
            name=f"{self.mark}-server",
            api_url="http://127.0.0.1:1",
            password=marked("server-admin"),
        )
        self.placement = PlacementFactory(
            server=self.server, tenant=self.tenant, organization_id=f"{self.mark}-organization"
        )
        self.organization = OrganizationFactory(
            server=self.server,
            organization_id=self.placement.organization_id,
            name=f"{self.mark} organization",
            host=f"{self.mark}.example.com",
            admin_password=marked("organization-admin"),
        )
        self.intake = intake_of(self.server)
        self.change = MoveFactory(server=self.server, label=f"{self.mark} moved").change

    def _make_fleet(self) -> None:
        self.profile = UserProfileFactory(placement=self.placement, username=f"{self.mark}-user")
        self.device = DeviceFactory(profile=self.profile, name=f"{self.mark}-DEVICE", connections=1)
        self.item = ProtectedItemFactory(
            device=self.device, name=f"{self.mark} files", last_state="failed", last_status=7002
        )
        self.vault = StorageVaultFactory(profile=self.profile, name=f"{self.mark} vault")
        self.job = JobFactory(
            device=self.device, guid=f"{self.mark}-job", status=6001, state="running", ended_at=None
        )
        self.alert = AlertFactory(item=self.item)
        Rules.objects.create(
            tenant=self.tenant,
            hook_url="http://127.0.0.1:1/",
            hook_secret=marked("alert-hook"),
            hook_key=marked("alert-signing-key"),
        )
        self.operation = OperationFactory(tenant=self.tenant, title=f"{self.mark} operation")
        OperationItemFactory(operation=self.operation, label=f"{self.mark} target")
        self.event = EventFactory(placement=self.placement, summary=f"{self.mark} event")
        self.set_aside = SetAsideFactory(
            event__placement=self.placement, event__summary=f"{self.mark} poison", server=self.server
        )
        self.entry = EntryFactory(tenant=self.tenant, object_label=f"{self.mark} entry")

    def _make_people(self) -> None:
        self.member = UserFactory(name=f"{self.mark} member", email=f"member@{self.mark}.example.com")
        self.membership = MembershipFactory(tenant=self.tenant, role="viewer", user=self.member)
        self.role = CustomRoleFactory(tenant=self.tenant)  # unmarked: it is offered below, too
        self.invitation = InvitationFactory(tenant=self.tenant, email=f"invited@{self.mark}.example.com")
        self.token = ApiTokenFactory(owner=None, tenant=self.tenant, name=f"{self.mark} token")
        self.rule = SecondFactorRule.objects.create(tenant=self.below, role="billing")  # none of the cast

    def _make_what_the_keeper_has(self) -> None:
        user = UserFactory(name=f"{self.mark} keeper", email=f"keeper@{self.mark}.example.com")
        MembershipFactory(tenant=self.tenant, role="owner", user=user)
        self.keeper = Person(user, self.tenant)
        self.keepers_session: str = self.keeper.client().session.session_key or ""
        self.session = UserSession.objects.get(user=user)
        self.key = security_key(user, name=f"{self.mark} key")
        self.handling = Handling.objects.create(act="acknowledge", user=user, before={})
        self.launch = LaunchFactory(
            tenant=self.tenant,
            server=self.server,
            user=user,
            portal_session=session_digest(self.keepers_session),
            session_key=marked("session-key"),
        )


class World:
    """The four places, by how they stand to Amber."""

    def __init__(self) -> None:
        provider = provider_tenant()
        provider.name = f"{MARKS[ANCESTOR]} provider"
        provider.save()
        reseller = TenantFactory(kind=Tenant.Kind.RESELLER, name=f"{MARKS[OWN]} reseller")
        customer = TenantFactory(parent=reseller, name=f"{MARKS[SUB]} customer")
        sibling = TenantFactory(kind=Tenant.Kind.RESELLER, name=f"{MARKS[SIBLING]} reseller")
        tenants = {OWN: reseller, SUB: customer, SIBLING: sibling, ANCESTOR: provider}
        self.places = {relation: Place(tenants[relation], MARKS[relation]) for relation in RELATIONS}

    def __getitem__(self, relation: str) -> Place:
        return self.places[relation]
