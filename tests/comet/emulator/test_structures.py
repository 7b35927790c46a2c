"""Paths that are none, aliases, branding, and forms that are no forms."""

import pytest

from tests.comet.emulator import wire_check


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("admin/no-such-method", 404),
        ("", 404),
    ],
)
def test_an_unknown_method_is_not_found(emulator, path, status):
    assert emulator.post(path).status_code == status


def test_a_method_takes_post_only(emulator):
    import requests

    assert requests.get(f"{emulator.url}/api/v1/admin/meta/version", timeout=10).status_code == 405


def test_an_alias_answers_like_its_method(emulator):
    bounds = {"Start": 0, "End": 4_000_000_000}
    method = emulator.call("admin/get-jobs-for-date-range", **bounds)
    alias = emulator.call("admin/get-jobs-for-daterange", **bounds)

    assert {job["GUID"] for job in alias} == {job["GUID"] for job in method} != set()


def test_branding_needs_no_credentials_and_is_complete(emulator):
    import requests

    response = requests.get(f"{emulator.url}/gen/branding.props", timeout=10)

    assert wire_check.faults("ServerMetaBrandingProperties", response.json()) == []
    assert response.json()["ExpiredInSeconds"] == 1800
    assert requests.get(f"{emulator.url}/gen/logo.img", timeout=10).headers["Content-Type"] == "image/svg+xml"


def test_a_form_that_is_no_form_is_refused(emulator):
    import requests

    url = f"{emulator.url}/api/v1/admin/meta/version"
    assert requests.post(url, data=b"Username=\xff\xfe", timeout=10).json()["Status"] == 400
    assert requests.post(url, data=b"Username=%ff", timeout=10).json()["Status"] == 400
