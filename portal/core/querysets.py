"""Querysets that know whose rows they hold."""

from typing import Any, Final, Self, TypeVar

import msgspec
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Q
from django.http import Http404

from portal.core.access import Access
from portal.core.tenant_sets import AllBut, Everything, TenantSet

ModelT = TypeVar("ModelT", bound=models.Model)

MANY_TENANTS: Final = 100
"""From here on SQLite is told to walk a list in its order and look at each row's placement.

Below, it takes the newest of each placement and merges them, which costs by the placement. PostgreSQL
knows its tables and decides by itself.
"""


class Within(models.Func):
    """Whether a column holds the id of one of `tenants`.

    One condition, written as SQL at once: a page asks for a dozen lists, and to put each together as a
    query within a query took longer than the database needs to answer.
    """

    output_field = models.BooleanField()

    def __init__(self, column: Any, tenants: AllBut | frozenset[int]) -> None:
        super().__init__(column)
        self.tenants = tenants

    def as_sql(self, compiler: Any, connection: Any, *_: Any, **__: Any) -> Any:
        column, _no_params = compiler.compile(self.source_expressions[0])
        return _within(column, self.tenants, connection.vendor)


class OwnedWithin(Within):
    """Whether a foreign key leads to a row whose `tenant` is one of `tenants`.

    Of `AllBut` the rows left out are looked up, which are fewer.
    """

    def __init__(self, column: Any, owners: type[models.Model], tenants: AllBut | frozenset[int]) -> None:
        super().__init__(column, tenants)
        self.owners = owners

    def as_sql(self, compiler: Any, connection: Any, *_: Any, **__: Any) -> Any:
        key, _no_params = compiler.compile(self.source_expressions[0])
        meta: Any = self.owners._meta
        quote = connection.ops.quote_name
        column = quote(meta.get_field("tenant").column)
        within, params = _within(f"owner.{column}", self.tenants, connection.vendor)
        pk, table = quote(meta.pk.column), quote(meta.db_table)
        owners = f"SELECT owner.{pk} FROM {table} owner WHERE"  # noqa: S608  (no values)
        if isinstance(self.tenants, AllBut):
            return f"NOT ({key} IN ({owners} NOT {within}))", params
        if connection.vendor == "sqlite" and len(self.tenants) >= MANY_TENANTS and compiler.query.order_by:
            key = f"+{key}"
        return f"{key} IN ({owners} {within})", params


def _within(column: str, tenants: AllBut | frozenset[int], vendor: str) -> tuple[str, tuple[Any, ...]]:
    """SQL of whether `column` holds one of `tenants`. Ids are one parameter, however many they are."""
    if isinstance(tenants, AllBut):
        left_out, params = _within(column, tenants.excluded, vendor)
        return f"({column} <= %s AND NOT {left_out})", (tenants.newest, *params)
    ids = sorted(tenants)
    if vendor == "postgresql":
        return f"({column} = ANY(%s::bigint[]))", (ids,)
    text = msgspec.json.encode(ids).decode()
    return f"({column} IN (SELECT value FROM json_each(%s)))", (text,)  # noqa: S608  (no values)


def in_tenants(path: str, tenants: TenantSet) -> Q:
    """Rows whose `path`, a lookup to a Tenant that exists, is in a set; a row without one is in none but
    EVERYTHING.
    """
    return Q() if isinstance(tenants, Everything) else Q(Within(models.F(path), tenants))


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
        return self.filter(OwnedWithin(models.F(owner), owners, tenants))

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
