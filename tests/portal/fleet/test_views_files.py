"""The lists of Devices and User Profiles as files."""

import csv
import io

import pytest
from django.urls import reverse
from pytest_django.asserts import assertRedirects

from tests.factories import DeviceFactory, UserProfileFactory


def url(name):
    return reverse(f"fleet:{name}")


def rows_of(response):
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text)))


def test_the_file_has_the_rows_of_the_list(provider):
    DeviceFactory(name="BETA", state="failed")
    DeviceFactory(name="ALPHA", state="failed")
    DeviceFactory(name="GAMMA", state="succeeded")

    response = provider.client().get(url("device-export"), {"state": "failed", "sort": "-name"})
    rows = rows_of(response)

    assert response["Content-Type"].startswith("text/csv")
    assert "attachment" in response["Content-Disposition"]
    assert [row[1] for row in rows] == ["Device", "BETA", "ALPHA"]


def test_a_file_holds_no_formulas(provider):
    profile = UserProfileFactory(username="=1+1", account_name="+SUM(A1)", email="@cmd")
    DeviceFactory(name='=HYPERLINK("http://example.com")', profile=profile)
    client = provider.client()

    device = rows_of(client.get(url("device-export")))[1]
    user = rows_of(client.get(url("user-export")))[1]

    assert device[1] == '\'=HYPERLINK("http://example.com")'
    assert user[:3] == ["'=1+1", "'+SUM(A1)", "'@cmd"]


@pytest.mark.parametrize("kind", ["device", "user"])
def test_a_file_with_bad_filters_leads_back_to_the_list(provider, kind):
    response = provider.client().get(url(f"{kind}-export"), {"q": "x" * 500})

    assertRedirects(response, f"{url(f'{kind}-list')}?q={'x' * 500}", target_status_code=422)
