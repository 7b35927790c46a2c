"""The stand-in for Comet's web interface is served, and framed only where that is allowed."""

import pytest
import requests

from tests.emulator_process import start_emulator


@pytest.mark.parametrize(
    ("path", "media_type", "contains"),
    [
        ("/", "text/html", 'data-testid="sign-in-form"'),
        ("/", "text/html", "emulated Comet Server"),
        ("/app.js", "text/javascript", "app_loaded"),
        ("/app.css", "text/css", ":focus-visible"),
        ("/gen/logo.img", "image/svg+xml", "<svg"),
    ],
)
def test_the_sign_in_page_and_its_parts_are_served(emulator, path, media_type, contains):
    response = requests.get(emulator.url + path, timeout=10)

    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith(media_type)
    assert "X-Frame-Options" not in response.headers
    assert contains in response.text


def test_framing_can_be_refused():
    with start_emulator(frame_options="deny") as emulator:
        assert requests.get(emulator.url, timeout=10).headers["X-Frame-Options"] == "DENY"


def test_the_page_shows_the_brand_of_its_host(emulator):
    organization = next(iter(emulator.call("admin/organization/list").values()))
    headers = {"Host": f"{organization['Hosts'][0]}:{emulator.port}"}

    own = requests.get(f"{emulator.url}/gen/branding.props", headers=headers, timeout=10).json()
    top = requests.get(f"{emulator.url}/gen/branding.props", timeout=10).json()

    assert own["BrandName"] == organization["Name"] != top["BrandName"]
