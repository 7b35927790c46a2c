"""The demo's tenants and people. Safe to repeat: what is there already is left alone."""

from portal.accounts.models import User
from portal.demo.environment import DemoEnvironment
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
from portal.tenants.models import Tenant


def is_complete(environment: DemoEnvironment) -> bool:
    """Whether there is nothing left to seed."""
    people = User.objects.filter(email__in=[person.email for person in SIGN_INS]).count()
    return people == len(SIGN_INS)


def seed(environment: DemoEnvironment, secrets: DemoSecrets) -> None:
    """Make what the demo needs."""
    provider = ensure_tenant(Tenant.Kind.PROVIDER, PROVIDER)
    reseller = ensure_tenant(Tenant.Kind.RESELLER, "First Reseller", provider)
    ensure_tenant(Tenant.Kind.RESELLER, "Second Reseller", provider)
    customer = ensure_tenant(Tenant.Kind.CUSTOMER, "First Customer", reseller)
    for person, tenant in (
        (OWNER, provider),
        (TECHNICIAN, provider),
        (RESELLER, reseller),
        (CUSTOMER, customer),
    ):
        ensure_person(person, tenant, secrets)
