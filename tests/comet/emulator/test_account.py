"""The stand-in for the vendor's account service."""

import csv
import io
import zipfile

import pytest
import requests

from tests.comet.emulator.conftest import START_AT
from tests.emulator_process import start_emulator

OWNER = {"email": "owner@msp.example", "password": "account-password"}


@pytest.fixture(scope="module")
def emulator():
    with start_emulator(start_at=START_AT, account_port=0) as process:
        yield process


def post(emulator, path: str, **form: str) -> requests.Response:
    return requests.post(f"{emulator.account}/{path}", data={**OWNER, **form}, timeout=10)


def test_licences_are_made_relaxed_and_archived(emulator):
    serial = post(emulator, "api/v1/license/create", target_name="Second").text
    assert post(emulator, "api/v1/relax_license", serial=serial).status_code == 200
    assert post(emulator, "api/v1/license/archive", serial=serial).status_code == 200

    listed = {entry["serial"]: entry for entry in post(emulator, "api/v1/license/list_all").json()}

    assert (listed[serial]["archived"], listed[serial]["name"]) == (True, "Second")
    assert listed[serial]["relaxed"]
    assert len(listed) == 2
    assert post(emulator, "api/v1/license/relax", serial="none").status_code == 400


@pytest.mark.parametrize("report", ["active_services", "billing_history"])
def test_a_report_comes_in_three_forms(emulator, report):
    rows = post(emulator, f"api/v1/report/{report}", format="json").json()

    text = post(emulator, f"api/v1/report/{report}", format="csv")
    assert [dict(row) for row in csv.DictReader(io.StringIO(text.text))] == [
        {name: str(value) for name, value in row.items()} for row in rows
    ]
    book = post(emulator, f"api/v1/report/{report}", format="xlsx")
    sheet = zipfile.ZipFile(io.BytesIO(book.content)).read("xl/worksheets/sheet1.xml").decode()
    assert sheet.count("<row>") == len(rows) + 1
    assert post(emulator, f"api/v1/report/{report}", format="pdf").status_code == 400


def test_a_hosted_server_takes_time_to_come_up(emulator):
    given = {"region": "eu-west-1", "subdomain": "fresh", "server_name": "Fresh"}
    assert post(emulator, "api/v1/cometgo", **given).status_code == 201
    listed = post(emulator, "api/v1/cometgo/list", limit="5").json()["data"]
    own = {"hosted_server_id": listed[-1]["hosted_server_id"]}
    assert listed[-1]["aws_status"] == "pending"

    emulator.order("advance", seconds=121)

    status = post(emulator, "api/v1/cometgo/status", **own).json()["data"]
    assert (status["aws_status"], status["admin_username"]) == ("running", "admin")
    assert post(emulator, "api/v1/cometgo/terminate", **own).status_code == 202
    assert post(emulator, "api/v1/cometgo/status", **own).json()["data"]["aws_status"] == "terminated"


def test_credentials_are_a_password_or_a_token_by_either_name(emulator):
    url = f"{emulator.account}/api/v1/downloads/list"
    for name in ("apiToken", "authToken"):
        form = {"authType": name, name: "account-token"}
        assert requests.post(url, data=form, timeout=10).json()[0]["version_key"]
    assert requests.post(url, data={**OWNER, "password": "wrong"}, timeout=10).status_code == 403
    hosted = requests.post(f"{emulator.account}/api/v1/cometgo/list", timeout=10)
    assert (hosted.status_code, hosted.json()) == (403, {"status": "error"})


def test_downloads_and_the_latest_version(emulator):
    key = post(emulator, "api/v1/downloads/list").json()[0]["version_key"]
    installer = post(emulator, "api/v1/downloads/get", version_key=key, platform="download_linux_deb")
    assert "attachment" in installer.headers["Content-Disposition"]
    latest = requests.get(f"{emulator.account}/latestversion", timeout=10).json()
    assert latest["latest_stable"] == "25.9.8"
