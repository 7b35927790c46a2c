"""Keyset paging: page 5,000 costs what page 1 does. No OFFSET, no COUNT."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec
from django.db import models
from django.db.models import Q, QuerySet
from django.http import HttpRequest

RowT = TypeVar("RowT", bound=models.Model)
PAGE_SIZE = 50


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


def keyset_page(
    rows: QuerySet[RowT],
    request: HttpRequest,
    *,
    sorts: Mapping[str, str],
    default: str,
    size: int = PAGE_SIZE,
) -> Page[RowT]:
    """The page that `?sort=`, `?after=` or `?before=` of the request names.

    `sorts` maps what may stand in the address bar to a column that is never null. A leading `-`
    sorts downwards. Unknown sorts and broken keys fall back to the first page in `default` order.
    """
    sort = request.GET.get("sort", "")
    if sort.removeprefix("-") not in sorts:
        sort = default
    column, descending = sorts[sort.removeprefix("-")], sort.startswith("-")
    after, before = _decode(request.GET.get("after")), _decode(request.GET.get("before"))
    backwards = before is not None and after is None
    key = before if backwards else after
    down = descending != backwards
    if key is not None:
        rows = rows.filter(_beyond(column, key, down=down))
    sign = "-" if down else ""
    found = list(rows.order_by(f"{sign}{column}", f"{sign}pk")[: size + 1])
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    has_previous = more if backwards else key is not None
    has_next = key is not None if backwards else more
    return Page(
        rows=found,
        sort=sort,
        previous_url=_url(request, "before", found[0], column) if found and has_previous else "",
        next_url=_url(request, "after", found[-1], column) if found and has_next else "",
    )


def _beyond(column: str, key: tuple[Any, int], *, down: bool) -> Q:
    value, pk = key
    edge, past = ("lte", "lt") if down else ("gte", "gt")
    return Q(**{f"{column}__{edge}": value}) & (Q(**{f"{column}__{past}": value}) | Q(**{f"pk__{past}": pk}))


def _url(request: HttpRequest, direction: str, row: models.Model, column: str) -> str:
    query = request.GET.copy()
    query.pop("after", None)
    query.pop("before", None)
    query[direction] = _encode(row, column)
    return f"{request.path}?{query.urlencode()}"


def _encode(row: models.Model, column: str) -> str:
    value: Any = row
    for part in column.split("__"):
        value = getattr(value, part)
    kind = "d" if isinstance(value, datetime) else "v"
    return base64.urlsafe_b64encode(msgspec.json.encode([kind, value, row.pk])).decode().rstrip("=")


def _decode(text: str | None) -> tuple[Any, int] | None:
    if not text:
        return None
    try:
        kind, value, pk = msgspec.json.decode(
            base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=tuple[str, str | int | float, int]
        )
        return (datetime.fromisoformat(str(value)) if kind == "d" else value), pk
    except (ValueError, binascii.Error, msgspec.DecodeError):
        return None
