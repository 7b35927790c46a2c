"""Queries that are put together once: for those asked many times a second, the ORM takes longer to
write one than the database to answer it.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

import msgspec
from django.db import connection, models

from portal.core.columns import Convert, converted

ModelT = TypeVar("ModelT", bound=models.Model)


class _Slot(NamedTuple):
    """Where a value goes among the parameters of a query."""

    place: int
    is_list: bool = False


class Given(models.Expression):
    """Stands for a value that a prepared query is given each time it is asked."""

    def __init__(self, place: int) -> None:
        super().__init__(output_field=models.Field())
        self._place = place

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        return "%s", (_Slot(self._place),)

    def as_list(self) -> _Slot:
        """The parameter that holds a whole list of values (see `lookups.AnyOf`)."""
        return _Slot(self._place, is_list=True)


class _Written(NamedTuple):
    """A query as one kind of database is asked it."""

    sql: str
    params: tuple[Any, ...]
    converters: Convert


class Prepared:
    """Tuples of a query whose SQL and whose fields' conversions are worked out the first time only.

        _names = Prepared(lambda ids: Device.objects.filter(pk__any_of=ids).values_list("pk", "name"))
        for pk, name in _names(ids): ...

    `build` is called with stand-ins for the values and gives a `values_list`. The values of a call are
    ids, numbers, strings and UUIDs, and for `any_of` any number of ids or strings.
    """

    def __init__(self, build: Callable[..., models.QuerySet[Any, Any]]) -> None:
        self._build = build
        self._written: dict[str, _Written] = {}

    def __call__(self, *values: Any) -> list[tuple[Any, ...]]:
        written = self._written.get(connection.vendor) or self._write(len(values))
        params = [_bound(param, values) if type(param) is _Slot else param for param in written.params]
        with connection.cursor() as cursor:
            cursor.execute(written.sql, params)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return [tuple(converted(row, written.converters)) for row in rows] if written.converters else rows

    def _write(self, count: int) -> _Written:
        query = self._build(*(Given(place) for place in range(count))).query
        compiler = query.get_compiler(connection=connection)
        sql, params = compiler.as_sql()
        expressions = [column[0] for column in compiler.select]
        converters = [
            (place, _converter(how, expression))
            for place, (how, expression) in compiler.get_converters(expressions).items()
        ]
        written = self._written[connection.vendor] = _Written(sql, tuple(params), converters)
        return written


class PreparedModels(Prepared, Generic[ModelT]):
    """As `Prepared`, for whole rows: `build` gives a queryset of `model` as it is."""

    def __init__(self, model: type[ModelT], build: Callable[..., models.QuerySet[ModelT]]) -> None:
        self._names = [field.attname for field in model._meta.concrete_fields]
        super().__init__(lambda *values: build(*values).values_list(*self._names))
        self._model = model

    def rows(self, *values: Any) -> list[ModelT]:
        return [self._model.from_db(connection.alias, self._names, row) for row in self(*values)]


def one_parameter(values: list[Any], vendor: str) -> Any:
    """A list of strings or integers as SQLite's `json_each` takes it, or as PostgreSQL's `ANY`.

    JSON without escapes is an array's own spelling but for its brackets, and what psycopg writes for
    itself takes 2 µs a value.
    """
    as_json = msgspec.json.encode(values).decode()
    if vendor == "sqlite":
        return as_json
    return values if "\\" in as_json else "{" + as_json[1:-1] + "}"


def _bound(slot: _Slot, values: tuple[Any, ...]) -> Any:
    value = values[slot.place]
    if slot.is_list:
        return one_parameter(list(value), connection.vendor)
    if isinstance(value, UUID) and not connection.features.has_native_uuid_field:
        return value.hex
    return value


def _converter(steps: list[Callable[..., Any]], expression: Any) -> Callable[[Any], Any]:
    if len(steps) == 1 and connection.vendor == "sqlite":
        if isinstance(expression.output_field, models.DateTimeField):
            return _moment
        if isinstance(expression.output_field, models.BooleanField):
            return _truth

    def convert(value: Any) -> Any:
        for step in steps:
            value = step(value, expression, connection)
        return value

    return convert


def _moment(value: datetime | str | None) -> datetime | None:
    """A time as SQLite gives it: in UTC without saying so; where no column tells what it is, as text."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return None if value is None else value.replace(tzinfo=UTC)


def _truth(value: int | None) -> bool | None:
    return None if value is None else bool(value)
