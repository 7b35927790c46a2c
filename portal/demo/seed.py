"""What the demo shows at once: tenants, people, and its first Comet Server linked and shared out.

Safe to repeat: what is there already is left alone, but for addresses that have moved.
"""

from typing import Final

from portal.accounts.access import access_for
from portal.accounts.models import User
from portal.demo.environment import PLAIN_ADMIN, DemoEnvironment
from portal.demo.errors import DemoError
from portal.demo.people import (
    CUSTOMER,
    OWNER,
    PROVIDER,
    RESELLER,
    SIGN_INS,
    TECHNICIAN,
    ensure_person,
    ensure_tenant,
)
from portal.demo.secrets import DemoSecrets
from portal.placing import plans, services
from portal.servers import clients
from portal.servers.errors import LinkRefused
from portal.servers.linking import Credential
from portal.servers.models import TOP_LEVEL, CometServer
from portal.servers.placements import ensure_placements
from portal.servers.services import edit_server, link_server
from portal.tenants.models import Tenant

SERVER: Final = "First server"


def is_complete(environment: DemoEnvironment) -> bool:
    """Whether `seed` has nothing left to do."""
    people = User.objects.filter(email__in=[person.email for person in SIGN_INS]).count()
    linked = CometServer.objects.filter(
        name=SERVER,
        api_url=environment.comet_address("comet1"),
        browser_url=environment.comet_browser_address("comet1"),
    )
    return people == len(SIGN_INS) and linked.exists()


def seed(environment: DemoEnvironment, secrets: DemoSecrets) -> None:
    """Make what the demo needs. The first emulated Comet Server must answer.

    Raises:
        DemoError: it did not let itself be linked.
    """
    provider = ensure_tenant(Tenant.Kind.PROVIDER, PROVIDER)
    owner = ensure_person(OWNER, provider, secrets)
    ensure_person(TECHNICIAN, provider, secrets)
    try:
        server = _ensure_server(environment, secrets, provider, owner)
    except LinkRefused as exc:
        raise DemoError(f"The first Comet Server could not be linked: {exc.message}") from exc
    reseller, customer = _share_out(server, provider, owner)
    ensure_person(RESELLER, reseller, secrets)
    ensure_person(CUSTOMER, customer, secrets)


def _ensure_server(
    environment: DemoEnvironment, secrets: DemoSecrets, provider: Tenant, owner: User
) -> CometServer:
    api_url, browser_url = environment.comet_address("comet1"), environment.comet_browser_address("comet1")
    server = CometServer.objects.filter(tenant=provider, name=SERVER).first()
    if server is None:
        linked = link_server(
            tenant=provider,
            name=SERVER,
            api_url=api_url,
            browser_url=browser_url,
            username=PLAIN_ADMIN,
            password=secrets.passwords["comet1-admin"],
            user=owner,
        )
        return CometServer.objects.get(pk=linked.pk)  # as it is stored, its password sealed
    if (server.api_url, server.browser_url) != (api_url, browser_url):
        known = Credential(PLAIN_ADMIN, secrets.passwords["comet1-admin"])
        edit_server(
            server=server,
            name=SERVER,
            api_url=api_url,
            browser_url=browser_url,
            credential=known if server.api_url != api_url else None,
            user=owner,
        )
    return server


def _share_out(server: CometServer, provider: Tenant, owner: User) -> tuple[Tenant, Tenant]:
    """Place the server's three organizations: two resellers, and a customer of the first.

    Returns:
        the first reseller and its customer, each named as the organization is.
    """
    organizations = clients.for_server(server).admin_organization_list()
    first, second, third = sorted(organizations, key=lambda guid: organizations[guid].name)
    reseller = ensure_tenant(Tenant.Kind.RESELLER, organizations[first].name, provider)
    homes = {
        TOP_LEVEL: provider,
        first: reseller,
        second: ensure_tenant(Tenant.Kind.RESELLER, organizations[second].name, provider),
        third: ensure_tenant(Tenant.Kind.CUSTOMER, organizations[third].name, reseller),
    }
    placements = ensure_placements(server, organizations)
    lines = [
        plans.Line(placement.pk, plans.standing(placement), tenant.pk)
        for placement, tenant in ((placements.of_organization(guid), home) for guid, home in homes.items())
    ]
    plan = plans.resolve(plans.Plan("organizations", lines), access_for(owner))
    services.place(plan, user=owner)
    return reseller, homes[third]
