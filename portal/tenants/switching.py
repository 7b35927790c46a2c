"""The tenant switcher: which part of the tree a person looks at for now."""

from django.http import HttpRequest

from portal.core.access import Access
from portal.tenants.models import Tenant

SESSION_TENANT = "tenant_id"


def chosen_tenant(request: HttpRequest, access: Access) -> Tenant | None:
    """The Tenant of the switcher; None where all is shown, or where it cannot be seen any more."""
    chosen = request.session.get(SESSION_TENANT)
    if chosen is None or chosen not in access.reach():
        return None
    return Tenant.objects.filter(pk=chosen, is_trashed=False).first()


def choose_tenant(request: HttpRequest, tenant: Tenant | None) -> None:
    if tenant is None:
        request.session.pop(SESSION_TENANT, None)
    else:
        request.session[SESSION_TENANT] = tenant.pk
