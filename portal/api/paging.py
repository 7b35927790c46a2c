"""Pages of the API: a key that says where the next one begins, signed, so that nobody makes one up.

A key belongs to one list. It names the last row that was handed out, so that rows which come or go
meanwhile move nothing: page 5,000 costs what page 1 does.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from django.core import signing
from django.db import models
from django.db.models import QuerySet

from portal.api.problems import bad_parameter
from portal.core.paging import beyond

RowT = TypeVar("RowT", bound=models.Model)
CURSOR_LENGTH: Final = 400


@dataclass(frozen=True)
class Order:
    """How a list is ordered: by a column that is never null, then by id."""

    name: str
    """Of the list; a cursor of another is refused."""
    column: str
    down: bool = False

    @property
    def by(self) -> list[str]:
        sign = "-" if self.down else ""
        return [f"{sign}{self.column}"] if self.column == "pk" else [f"{sign}{self.column}", f"{sign}pk"]


@dataclass(frozen=True)
class Rows(Generic[RowT]):
    """Some rows of a list, and what asks for the ones behind them; None where there are none."""

    rows: list[RowT]
    next_cursor: str | None


def page_of(rows: QuerySet[RowT], order: Order, *, limit: int, cursor: str | None) -> Rows[RowT]:
    """The first `limit` rows behind `cursor`. One query.

    Raises:
        Problem: the cursor was cut, made up, or is that of another list.
    """
    if cursor is not None:
        rows = rows.filter(_behind(order, cursor))
    found = list(rows.order_by(*order.by)[: limit + 1])
    more, found = len(found) > limit, found[:limit]
    return Rows(found, _cursor(order, found[-1]) if more else None)


def _behind(order: Order, cursor: str) -> models.Q:
    try:
        value, pk = _signer(order).unsign_object(cursor)
    except signing.BadSignature:
        raise bad_parameter(
            "cursor",
            f"This is no cursor of the list of {order.name}: it was cut, changed, or given by another list.",
            "Send next_cursor of the page before as it is, to the same address; or begin without a cursor.",
        ) from None
    if order.column == "pk":
        return models.Q(pk__lt=pk) if order.down else models.Q(pk__gt=pk)
    held = datetime.fromisoformat(value) if order.down else value
    return beyond(order.column, (held, pk), down=order.down)


def _cursor(order: Order, row: models.Model) -> str:
    value: Any = None if order.column == "pk" else getattr(row, order.column)
    held = value.isoformat() if isinstance(value, datetime) else value
    return _signer(order).sign_object([held, row.pk])


def _signer(order: Order) -> signing.Signer:
    """Without a time in it: the same page has the same cursor, and so the same ETag."""
    return signing.Signer(salt=f"portal.api.{order.name}")
