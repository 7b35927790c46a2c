"""Lists as files: streamed, whatever their length, and safe to open in a spreadsheet."""

import csv
import datetime as dt
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

RowT = TypeVar("RowT")
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


class _Echo:
    """A file whose write gives back what was written."""

    def write(self, text: str) -> str:
        return text


def csv_response(
    request: HttpRequest,
    filename: str,
    header: Sequence[str],
    chunks: Iterator[Sequence[RowT]],
    cells: Callable[[RowT], Sequence[Any]],
) -> StreamingHttpResponse:
    """Stream `chunks` of rows as a download; `cells` gives the columns of one row."""
    lines = _lines(header, chunks, cells)
    return stream_response(request, filename, "text/csv; charset=utf-8", lines)


def stream_response(
    request: HttpRequest, filename: str, content_type: str, parts: Iterator[str]
) -> StreamingHttpResponse:
    """Stream text as a download, as it is made."""
    body: Any = _in_threads(parts) if isinstance(request, ASGIRequest) else parts
    response = StreamingHttpResponse(body, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    response["Cache-Control"] = "no-store"
    return response


def safe_cell(value: Any) -> str:
    """A value as a spreadsheet shows it; what it would take for a formula gets an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        return f"{value.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return str(value)


def _lines(
    header: Sequence[str], chunks: Iterator[Sequence[RowT]], cells: Callable[[RowT], Sequence[Any]]
) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield "\ufeff" + writer.writerow(header)  # the mark by which spreadsheets know UTF-8
    for chunk in chunks:
        yield "".join(writer.writerow([safe_cell(value) for value in cells(row)]) for row in chunk)


async def _in_threads(lines: Iterator[str]) -> AsyncIterator[str]:
    """The same lines without blocking the event loop: each chunk is read in a thread."""
    read = sync_to_async(lambda: next(lines, None))
    while (text := await read()) is not None:
        yield text
