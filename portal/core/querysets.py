"""Querysets that know whose rows they hold."""

from collections.abc import Collection
from typing import Any, Final, Self, TypeVar

import msgspec
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Q
from django.db.models.lookups import In
from django.http import Http404

from portal.core.access import Access
from portal.core.tenant_sets import AllBut, Everything, TenantSet

ModelT = TypeVar("ModelT", bound=models.Model)

MANY_TENANTS: Final = 100
"""From here on SQLite is told to walk a list in its order and look at each row's placement.

Below, it takes the newest of each placement and merges them, which costs by the placement. PostgreSQL
knows its tables and decides by itself.
"""


class Among(models.Func):
    """Whether a column holds one of some ids. They are one parameter, however many they are."""

    output_field = models.BooleanField()

    def __init__(self, column: Any, ids: Collection[int]) -> None:
        super().__init__(column)
        self.ids = sorted(ids)

    def as_sqlite(self, compiler: Any, connection: Any, **_: Any) -> Any:
        column, params = compiler.compile(self.source_expressions[0])
        ids = msgspec.json.encode(self.ids).decode()
        return f"{column} IN (SELECT value FROM json_each(%s))", [*params, ids]  # noqa: S608  (no values)

    def as_postgresql(self, compiler: Any, connection: Any, **_: Any) -> Any:
        column, params = compiler.compile(self.source_expressions[0])
        return f"{column} = ANY(%s::bigint[])", [*params, self.ids]


class Unindexed(models.Func):
    """A column as SQLite reads it without an index, where rows come in an order; as it is elsewhere."""

    arity = 1
    template = "%(expressions)s"

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        if compiler.query.order_by:
            extra["template"] = "+%(expressions)s"
        return self.as_sql(compiler, connection, **extra)


def in_tenants(path: str, tenants: TenantSet) -> Q:
    """Rows whose `path`, a lookup to a Tenant that exists, is in a set; a row without one is in none but
    EVERYTHING.
    """
    if isinstance(tenants, Everything):
        return Q()
    if isinstance(tenants, AllBut):
        return Q(**{f"{path}__lte": tenants.newest}) & ~Q(Among(models.F(path), tenants.excluded))
    return Q(Among(models.F(path), tenants))


class TenantQuerySet(models.QuerySet[ModelT]):
    """Rows that belong to Tenants, by the model's own `tenant_path` (a lookup to the Tenant)."""

    def visible_to(self, access: Access, permission: str) -> Self:
        """Rows whose Tenant grants `permission`. No grant means no rows, never all rows."""
        tenants = access.tenants_with(permission)
        if isinstance(tenants, Everything):
            return self.all()
        path: str = self.model.tenant_path  # type: ignore[attr-defined]
        owner, _, _ = path.rpartition("__")
        if not owner:
            return self.filter(in_tenants(path, tenants))
        owners: Any = self.model._meta.get_field(owner).related_model
        if isinstance(tenants, AllBut):
            left_out = owners.objects.exclude(in_tenants("tenant", tenants))
            return self.filter(~Q(In(models.F(owner), left_out.query)))
        owned = owners.objects.filter(in_tenants("tenant", tenants))
        if len(tenants) < MANY_TENANTS:
            return self.filter(**{f"{owner}__in": owned})
        return self.filter(In(Unindexed(models.F(owner)), owned.query))

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
