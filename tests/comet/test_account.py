"""The account service, played by a server of our own."""

import io
import json
from importlib import resources

import pytest

import comet
from comet.account import AccountClient, AccountPassword, AccountToken, TokenSpelling
from comet.spec.names import snake_case
from tests.comet.scripted_server import Reply, reply

PASSWORD = AccountPassword("admin@example.com", "hush hush")
TOKEN = AccountToken("W2HUSH")
SPEC = json.loads(resources.files("comet.spec").joinpath("comet-api.json").read_bytes())["account_api"]
HOSTED = {
    "hosted_server_id": "506",
    "install_status": "Installed",
    "aws_status": "running",
    "region_name": "eu-west-1",
    "user_dns": "acme.example",
    "created_at": "2026-01-02 03:04:05",
    "date_deleted": None,
    "admin_username": "admin",
    "admin_password": "hush hush",
    "server_name": "Acme",
    "newer": 1,
}


@pytest.fixture
def account(server):
    with AccountClient(TOKEN, url=server.url, timeout=10) as account:
        yield account


def says(server, path, body, *, status=200, content_type="text/plain"):
    server.replies[path] = reply(body, status=status, headers={"Content-Type": content_type})


def test_every_call_of_the_spec_is_there_and_sends_what_it_says(server, account):
    arguments = {
        "license_create": {"target_name": "Acme"},
        "license_relax": {"serial": "S"},
        "license_archive": {"serial": "S"},
        "downloads_get": {"version_key": "latest", "platform": "download_linux_deb"},
        "cometgo_create": {"region": "r", "subdomain": "s", "server_name": "n"},
        "cometgo_status": {"hosted_server_id": "506"},
        "cometgo_terminate": {"hosted_server_id": "506"},
        "cometgo_list": {"offset": 100, "limit": 50},
    }
    sign_in = {"email", "password", "authType", "apiToken", "authToken"}
    for method in SPEC["methods"]:
        name = snake_case(method["name"]).replace("comet_go", "cometgo")
        given = arguments.get(name, {})
        files = [io.BytesIO()] if name == "downloads_get" else []
        with pytest.raises(comet.NotComet):  # nothing answers at these paths
            getattr(account, name)(*files, **given)

        request = server.requests[-1]
        wanted = {param["name"] for param in method["params"]} - sign_in
        assert method["url"].endswith(request.path)
        assert request.http_method == method["http_method"]
        assert wanted <= set(request.form)
        assert {key: str(value) for key, value in given.items()}.items() <= request.form.items()
        assert ("apiToken" in request.form) is (method["auth"] != "none")


@pytest.mark.parametrize(
    ("credential", "form"),
    [
        (PASSWORD, {"authType": "password", "email": "admin@example.com", "password": "hush hush"}),
        (TOKEN, {"authType": "apiToken", "apiToken": "W2HUSH"}),
        (
            AccountToken("W2HUSH", TokenSpelling.AUTH_TOKEN),
            {"authType": "authToken", "authToken": "W2HUSH"},
        ),
    ],
)
def test_a_credential_goes_with_the_call_and_is_never_shown(server, credential, form):
    says(server, "/api/v1/license/create", "AAAA-BBBB\n")
    client = AccountClient(credential, url=server.url)

    assert client.license_create(target_name="Acme") == "AAAA-BBBB"

    assert server.requests[0].form == form | {"target_name": "Acme"}
    assert "hush" not in (repr(credential) + repr(client)).lower()


def test_serials_are_listed(server, account):
    says(server, "/api/v1/license/list_all", [{"serial": "A", "x": 1}], content_type="application/json")
    assert account.license_list_all() == [{"serial": "A", "x": 1}]


def test_reports_come_decoded_or_as_a_file(server, account):
    says(server, "/api/v1/report/active_services", [{"n": 1}], content_type="application/json")
    assert account.report_active_services() == [{"n": 1}]
    says(server, "/api/v1/report/active_services", "a,b\n", content_type="text/csv")
    assert account.report_active_services(format="csv") == b"a,b\n"
    says(server, "/api/v1/report/billing_history", b"PK\x03", content_type="application/vnd.ms-excel")
    assert account.report_billing_history(format="xlsx") == b"PK\x03"
    assert [request.form["format"] for request in server.requests] == ["json", "csv", "xlsx"]


def test_versions_are_listed_and_downloaded_with_their_name(server, account):
    listed = [{"version_key": "k", "Name": "Stable", "Version": "25.9.8", "Download": "d"}]
    says(server, "/api/v1/downloads/list", listed, content_type="application/json")
    (version,) = account.downloads_list()
    assert (version.version_key, version.name, version.version) == ("k", "Stable", "25.9.8")
    assert b"25.9.8" in account.downloads_list_file(format="csv")

    body = bytes(1000)
    server.replies["/api/v1/downloads/get"] = Reply(
        body, headers={"Content-Disposition": 'attachment; filename="../../etc/server.deb"'}
    )
    file, seen = io.BytesIO(), []
    name = account.downloads_get(
        file, version_key="k", platform="download_linux_deb", progress=lambda *at: seen.append(at)
    )
    assert name == "server.deb"
    assert file.getvalue() == body
    assert seen[-1] == (1000, 1000)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("", ""),
        ("attachment", ""),
        ("attachment; filename*=UTF-8''s%C3%A9rveur.exe", "s\u00e9rveur.exe"),
        ('attachment; filename="..\\\\evil.exe"', "evil.exe"),
        ("attachment; filename=.bashrc", "bashrc"),
    ],
)
def test_a_suggested_file_name_holds_no_folders(server, account, header, name):
    server.replies["/api/v1/downloads/get"] = Reply(b"x", headers={"Content-Disposition": header})
    assert account.downloads_get(io.BytesIO(), version_key="k", platform="p") == name


@pytest.mark.parametrize(
    ("status", "body", "content_type", "expected"),
    [
        (400, "Invalid parameter", "text/plain", comet.APIError),
        (403, "Invalid credentials", "text/plain", comet.Forbidden),
        (500, "Internal error", "text/plain", comet.ServerError),
        (429, "Slow down", "text/plain", comet.RateLimited),
        (403, {"status": "error"}, "application/json", comet.Forbidden),
        (200, {"status": "error"}, "application/json", comet.APIError),
        (200, "<html>login</html>", "text/html", comet.NotComet),
        (404, "<html>", "text/html", comet.NotComet),
        (302, "", "text/html", comet.NotComet),
        (200, "{half", "application/json", comet.NotJSON),
        (200, {"data": 7}, "application/json", comet.NotComet),
    ],
)
def test_each_kind_of_failure_is_told_apart(server, account, status, body, content_type, expected):
    says(server, "/api/v1/cometgo/status", body, status=status, content_type=content_type)
    with pytest.raises(expected) as caught:
        account.cometgo_status(hosted_server_id="506")
    assert type(caught.value) is expected
    assert "CometGoStatus" in str(caught.value)
    if content_type == "text/plain":
        assert body in str(caught.value)


@pytest.mark.parametrize(
    "ask",
    [
        lambda account: account.license_create(),
        lambda account: account.license_relax(serial="S"),
        lambda account: account.license_list_all(),
        lambda account: account.report_active_services(),
        lambda account: account.report_billing_history(format="csv"),
        lambda account: account.downloads_list_file(format="xlsx"),
        lambda account: account.downloads_get(io.BytesIO(), version_key="k", platform="p"),
        lambda account: account.cometgo_create(region="r", subdomain="s", server_name="n"),
    ],
)
def test_the_status_error_is_an_error_whatever_was_asked_for(server, account, ask):
    for method in SPEC["methods"]:
        path = "/" + method["url"].split("/", 3)[3]
        says(server, path, b' {"status": "Error", "data": null}', content_type="application/json")
    with pytest.raises(comet.APIError, match="error"):
        ask(account)


@pytest.mark.parametrize("status", [302, 400, 403, 500])
@pytest.mark.parametrize("credential", [PASSWORD, TOKEN, AccountToken("W2HUSH", TokenSpelling.AUTH_TOKEN)])
def test_a_secret_that_the_service_repeats_is_masked(server, credential, status):
    def echo(request):
        said = f"{request.body.decode()} {list(request.form.values())}"
        headers = {"Content-Type": "text/plain", "Location": f"/?{request.body.decode()}"}
        return reply(said, status=status, headers=headers)

    server.replies["/api/v1/license/archive"] = echo
    with pytest.raises(comet.CometError) as caught:
        AccountClient(credential, url=server.url).license_archive(serial="AAAA")
    said = str(caught.value) + repr(caught.value) + str(getattr(caught.value, "location", ""))
    assert "hush" not in said.lower()
    assert "***" in said
    assert "AAAA" in said  # only what is secret


def test_the_status_error_in_place_of_an_installer_is_not_written(server, account):
    says(server, "/api/v1/downloads/get", {"status": "error"}, content_type="application/json")
    file = io.BytesIO()
    with pytest.raises(comet.APIError):
        account.downloads_get(file, version_key="k", platform="p")
    assert file.getvalue() == b""


def test_an_error_in_place_of_an_installer_is_not_written(server, account):
    says(server, "/api/v1/downloads/get", "Internal error", status=500)
    file = io.BytesIO()
    with pytest.raises(comet.ServerError, match="Internal error"):
        account.downloads_get(file, version_key="k", platform="p")
    assert file.getvalue() == b""


def test_a_hosted_server_is_made_found_and_ended(server, account):
    pages = [[], [HOSTED | {"aws_status": "pending"}], [HOSTED]]
    says(server, "/api/v1/cometgo", {"status": "OK"}, status=201, content_type="application/json")
    says(server, "/api/v1/cometgo/terminate", {"status": "OK"}, status=202, content_type="application/json")
    server.replies["/api/v1/cometgo/list"] = lambda _: reply({"status": "OK", "data": pages.pop(0)})
    says(server, "/api/v1/cometgo/status", {"status": "OK", "data": HOSTED}, content_type="application/json")
    pauses = []

    account.cometgo_create(region="eu-west-1", subdomain="acme", server_name="Acme")
    made = account.wait_for_hosted_server(
        lambda hosted: hosted.user_dns.startswith("acme.") and hosted.aws_status == "running",
        pause_seconds=7,
        sleep=pauses.append,
    )
    assert made == account.cometgo_status(hosted_server_id=made.hosted_server_id)
    account.cometgo_terminate(hosted_server_id=made.hosted_server_id)

    assert pauses == [7, 7]
    assert made.hosted_server_id == "506"
    assert made.admin_password == "hush hush"
    assert "hush" not in repr(made)


def test_waiting_ends(server, account):
    says(server, "/api/v1/cometgo/list", {"status": "OK", "data": None}, content_type="application/json")
    with pytest.raises(comet.Timeout):
        account.wait_for_hosted_server(lambda _: True, timeout_seconds=1, pause_seconds=2)


def test_all_pages_are_read(server, account):
    def page(request):
        offset, limit = int(request.form["offset"]), int(request.form["limit"])
        found = [{"hosted_server_id": str(number)} for number in range(offset, min(offset + limit, 150))]
        return reply({"status": "OK", "data": found})

    server.replies["/api/v1/cometgo/list"] = page
    assert [hosted.hosted_server_id for hosted in account.hosted_servers()] == [str(n) for n in range(150)]
    assert len(server.requests) == 2


def test_the_newest_version_needs_no_credential(server, account):
    says(server, "/latestversion", {"latest_stable": "25.9.8"}, content_type="application/json")
    assert account.latest_version().latest_stable == "25.9.8"
    assert server.requests[0].body == b""


def test_a_file_that_cannot_be_written_is_not_blamed_on_the_service(server, account):
    class Full:
        def write(self, data):
            raise OSError("full")

    server.replies["/api/v1/downloads/get"] = Reply(b"x")
    with pytest.raises(OSError, match="full"):
        account.downloads_get(Full(), version_key="k", platform="p")
