"""A lookup for long lists of values: `guid__any_of=guids` where `guid__in` would be slow."""

from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import models

from portal.core.prepared import Given, one_parameter


@models.ForeignKey.register_lookup
@models.Field.register_lookup
class AnyOf(models.Lookup):
    """As `in`, for strings or for integers, with one parameter however many there are. A set costs least."""

    lookup_name = "any_of"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, params = self.process_lhs(compiler, connection)
        value = self._value(connection.vendor)
        if connection.vendor == "sqlite":
            return f"{column} IN (SELECT value FROM json_each(%s))", (*params, value)  # noqa: S608
        return f"{column} = ANY(%s)", (*params, value)

    def _value(self, vendor: str) -> Any:
        if isinstance(self.rhs, Given):
            return self.rhs.as_list()
        values = list(self.rhs)
        if not values:
            raise EmptyResultSet
        return one_parameter(values, vendor)
