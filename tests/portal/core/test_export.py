"""Lists as CSV files."""

from datetime import UTC, datetime

import pytest
from django.test import AsyncRequestFactory, RequestFactory

from portal.core.export import csv_response, safe_cell


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_what_a_spreadsheet_would_compute_becomes_text(start):
    assert safe_cell(f"{start}1+1") == f"'{start}1+1"


def test_other_values_stay_as_they_are():
    assert safe_cell(None) == ""
    assert safe_cell(-5) == "-5"
    assert safe_cell("a=b") == "a=b"
    assert safe_cell(datetime(2026, 11, 1, 2, 3, 4, tzinfo=UTC)) == "2026-11-01 02:03:04"


def test_chunks_are_read_as_they_are_sent():
    read = []

    def chunks():
        for number in range(3):
            read.append(number)
            yield [number]

    response = csv_response(RequestFactory().get("/"), "n.csv", ["N"], chunks(), lambda number: [number])
    parts = iter(response.streaming_content)

    assert next(parts).decode("utf-8-sig") == "N\r\n"
    assert read == []
    assert next(parts) == b"0\r\n"
    assert read == [0]


async def test_an_asynchronous_server_is_not_blocked():
    response = csv_response(
        AsyncRequestFactory().get("/"), "n.csv", ["N"], iter([[1, 2], [3]]), lambda number: [number]
    )

    assert response.is_async
    parts = [part async for part in response.streaming_content]
    assert b"".join(parts).decode("utf-8-sig") == "N\r\n1\r\n2\r\n3\r\n"
