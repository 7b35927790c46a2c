"""Querysets that know whose rows they hold."""

from typing import Self, TypeVar

from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404

from portal.core.access import EVERYTHING, Access

ModelT = TypeVar("ModelT", bound=models.Model)


class TenantQuerySet(models.QuerySet[ModelT]):
    """Rows that belong to Tenants, by the model's own `tenant_path` (a lookup to the Tenant)."""

    def visible_to(self, access: Access, permission: str) -> Self:
        """Rows whose Tenant grants `permission`. No grant means no rows, never all rows."""
        tenants = access.tenants_with(permission)
        if tenants is EVERYTHING:
            return self.all()
        path: str = self.model.tenant_path  # type: ignore[attr-defined]
        return self.filter(**{f"{path}__in": tenants})

    def get_for(self, access: Access, see: str, *, act: str | None = None, **lookup: object) -> ModelT:
        """The one row that matches.

        Raises:
            Http404: there is none, or its Tenant does not grant `see` (the two look the same).
            PermissionDenied: the row may be seen, but its Tenant does not grant `act`.
        """
        row = self.visible_to(access, see).filter(**lookup).first()
        if row is None:
            raise Http404(f"No {self.model._meta.verbose_name} matches.")
        if act is not None and not access.allows(act, tenant_id=row.tenant_id):  # type: ignore[attr-defined]
            raise PermissionDenied(act)
        return row
