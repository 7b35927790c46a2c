"""Who can sign in to the demo, and the tenants they belong to."""

from dataclasses import dataclass
from typing import Final

from portal.accounts.models import Membership, Role, User
from portal.demo.secrets import DemoSecrets
from portal.tenants.models import Tenant
from portal.tenants.services import create_tenant

PROVIDER: Final = "Demo Provider"


@dataclass(frozen=True, slots=True)
class SignIn:
    key: str
    """Names its password among the demo's secrets."""
    title: str
    role: Role

    @property
    def email(self) -> str:
        return f"{self.key}@demo.example"


OWNER: Final = SignIn("owner", "Provider owner", Role.OWNER)
TECHNICIAN: Final = SignIn("technician", "Provider technician", Role.TECHNICIAN)
RESELLER: Final = SignIn("reseller", "Reseller", Role.ADMIN)
CUSTOMER: Final = SignIn("customer", "Customer", Role.CUSTOMER)
SIGN_INS: Final = (OWNER, TECHNICIAN, RESELLER, CUSTOMER)


def ensure_tenant(kind: Tenant.Kind, name: str, parent: Tenant | None = None) -> Tenant:
    """The Tenant of that name below `parent`, made if it is not there."""
    return Tenant.objects.filter(parent=parent, name=name).first() or create_tenant(
        parent=parent, kind=kind, name=name
    )


def ensure_person(sign_in: SignIn, tenant: Tenant, secrets: DemoSecrets) -> User:
    """The person with the role in that Tenant, and with the password of `data/demo.json`."""
    user = User.objects.filter(email=sign_in.email).first()
    if user is None:
        user = User.objects.create_user(sign_in.email, name=sign_in.title)
    if not user.check_password(secrets.passwords[sign_in.key]):
        user.set_password(secrets.passwords[sign_in.key])
        user.save(update_fields=["password"])
    Membership.objects.get_or_create(user=user, tenant=tenant, role=sign_in.role)
    return user
