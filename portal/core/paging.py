"""Keyset paging: page 5,000 costs what page 1 does. No OFFSET, and no COUNT past a thousand."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar

import msgspec
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q, QuerySet
from django.http import HttpRequest, QueryDict

RowT = TypeVar("RowT", bound=models.Model)
PAGE_SIZE: Final = 50
CHUNK_SIZE: Final = 500
COUNTED: Final = 1_000
"""So many rows are counted; of more, only that they are more."""
_LARGEST_PK: Final = 2**63 - 1


@dataclass(frozen=True)
class Page(Generic[RowT]):
    """Some rows of a list in its order, and the addresses of the pages beside it ('' for none)."""

    rows: list[RowT]
    sort: str
    previous_url: str
    next_url: str

    def __iter__(self) -> Iterator[RowT]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class Total:
    """How many rows match, or, with `is_more`, than how many there are more."""

    number: int
    is_more: bool = False

    def __str__(self) -> str:
        return f"more than {self.number:,}" if self.is_more else f"{self.number:,}"


def count_rows(rows: QuerySet[Any]) -> Total:
    """How many rows there are, as far as `COUNTED`."""
    number = rows.order_by()[: COUNTED + 1].count()
    return Total(min(number, COUNTED), is_more=number > COUNTED)


def total_of(page: Page[Any], rows: QuerySet[Any]) -> Total:
    """How many rows a list has; none are counted where `page` is all of it."""
    is_whole = not (page.previous_url or page.next_url)
    return Total(len(page)) if is_whole else count_rows(rows)


@dataclass(frozen=True)
class Beginning(Generic[RowT]):
    """The first rows of a list that is shown in short, and how many more there are."""

    rows: list[RowT]
    more: int

    def __iter__(self) -> Iterator[RowT]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


def beginning(rows: QuerySet[Any, RowT], size: int = PAGE_SIZE) -> Beginning[RowT]:
    """The first `size` of `rows` in their order. One query, two where there are more."""
    found = list(rows[: size + 1])
    more = rows.order_by().count() - size if len(found) > size else 0
    return Beginning(found[:size], more)


def keyset_page(
    rows: QuerySet[RowT],
    request: HttpRequest,
    *,
    sorts: Mapping[str, str],
    default: str,
    size: int = PAGE_SIZE,
    is_forward_only: bool = False,
) -> Page[RowT]:
    """The page that `?sort=`, `?after=` or `?before=` of the request names.

    With `is_forward_only` the way back leads to the first page, and `?before=` is none.

    `sorts` maps what may stand in the address bar to a column, or an annotation, that is never null.
    A leading `-` sorts downwards. Unknown sorts and broken keys fall back to the first page in
    `default` order.
    """
    sort, column, descending = _order(request, sorts, default)
    field = _field(rows, column)
    after = _decode(request.GET.get("after"), field)
    before = None if is_forward_only else _decode(request.GET.get("before"), field)
    backwards = before is not None and after is None
    key = before if backwards else after
    down = descending != backwards
    if key is not None:
        rows = rows.filter(beyond(column, key, down=down))
    sign = "-" if down else ""
    order = (f"{sign}{column}", f"{sign}pk")
    # Which rows is found by index alone, before anything is joined: what a row shows is read for these only.
    ids = rows.order_by(*order).values("pk")[: size + 1]
    found = list(_by_id(rows, ids).order_by(*order))
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    has_previous = more if backwards else key is not None
    has_next = key is not None if backwards else more
    previous_url = _url(request, "before", found[0], column) if found and has_previous else ""
    if is_forward_only and has_previous:
        previous_url = _first_url(request)
    return Page(
        rows=found,
        sort=sort,
        previous_url=previous_url,
        next_url=_url(request, "after", found[-1], column) if found and has_next else "",
    )


def _by_id(rows: QuerySet[RowT], ids: QuerySet[Any]) -> QuerySet[RowT]:
    """`rows` of these ids, which were chosen by all that is asked of `rows`.

    Asked of each row again, it leads PostgreSQL to begin with the whole table. Where a condition joins
    several rows to one it stays, for it says which.
    """
    found = rows.all()
    joins = (getattr(join, "join_field", None) for join in found.query.alias_map.values())
    if found.query.group_by is None and not any(getattr(field, "one_to_many", False) for field in joins):
        found.query.clear_where()
    return found.filter(pk__in=ids)


def keyset_chunks(
    rows: QuerySet[RowT],
    request: HttpRequest,
    *,
    sorts: Mapping[str, str],
    default: str,
    size: int = CHUNK_SIZE,
) -> Iterator[list[RowT]]:
    """All rows in the order that `?sort=` names, `size` at a time: each a short query of its own."""
    _, column, descending = _order(request, sorts, default)
    sign = "-" if descending else ""
    ordered = rows.order_by(f"{sign}{column}", f"{sign}pk")
    found = list(ordered[:size])
    while found:
        yield found
        if len(found) < size:
            return
        key = (_value(found[-1], column), found[-1].pk)
        found = list(ordered.filter(beyond(column, key, down=descending))[:size])


def _order(request: HttpRequest, sorts: Mapping[str, str], default: str) -> tuple[str, str, bool]:
    """The sort as it stands in the address bar, its column, and whether it runs downwards."""
    sort = request.GET.get("sort", "")
    if sort.removeprefix("-") not in sorts:
        sort = default
    return sort, sorts[sort.removeprefix("-")], sort.startswith("-")


def _field(rows: QuerySet[Any], column: str) -> "models.Field[Any, Any]":
    """The field at the end of a lookup such as `placement__tenant__name`, or that of an annotation."""
    worked_out = rows.query.annotations.get(column)
    if worked_out is not None:
        return worked_out.output_field
    model: Any = rows.model
    field: Any = None
    for part in column.split("__"):
        field = model._meta.get_field(part)
        model = field.related_model
    return field


def beyond(column: str, key: tuple[Any, int], *, down: bool) -> Q:
    """Rows behind the one whose value and id are `key`, in the order of `column` and then id."""
    value, pk = key
    edge, past = ("lte", "lt") if down else ("gte", "gt")
    return Q(**{f"{column}__{edge}": value}) & (Q(**{f"{column}__{past}": value}) | Q(**{f"pk__{past}": pk}))


def place_after(request: HttpRequest, model: type[models.Model], column: str) -> Any:
    """The value behind which the page begins that the request names; None for the first page."""
    key = _decode(request.GET.get("after"), _field(model._default_manager.all(), column))
    return key[0] if key else None


def url_after(request: HttpRequest, value: Any) -> str:
    """The address of the page that begins with what is less than `value`, where the list runs downwards."""
    return _with_key(request, "after", [value, 0])


def _first_url(request: HttpRequest) -> str:
    query = _query(request)
    return f"{request.path}?{query.urlencode()}" if query else request.path


def _url(request: HttpRequest, direction: str, row: models.Model, column: str) -> str:
    return _with_key(request, direction, [_value(row, column), row.pk])


def _with_key(request: HttpRequest, direction: str, key: list[Any]) -> str:
    query = _query(request)
    query[direction] = base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")
    return f"{request.path}?{query.urlencode()}"


def _query(request: HttpRequest) -> QueryDict:
    """What stands behind the `?`, without the page."""
    query = request.GET.copy()
    query.pop("after", None)
    query.pop("before", None)
    return query


def _value(row: models.Model, column: str) -> Any:
    value: Any = row
    for part in column.split("__"):
        value = getattr(value, part)
    return value


def _decode(text: str | None, field: "models.Field[Any, Any]") -> tuple[Any, int] | None:
    """The key that `text` holds, its value as `field` stores it; None for what is no such key."""
    if not text:
        return None
    try:
        value, pk = msgspec.json.decode(
            base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=tuple[str | int | float, int]
        )
        stored: Any = field.to_python(value)
        field.run_validators(stored)
        if isinstance(stored, datetime):
            stored = stored.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, binascii.Error, msgspec.DecodeError, ValidationError):
        return None
    if not 0 <= pk <= _LARGEST_PK or (isinstance(stored, str) and "\x00" in stored):
        return None
    return stored, pk
