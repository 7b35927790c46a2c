"""A server whose address changes: whoever answers there now gets nothing that was stored before."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from portal.servers.errors import LinkRefused
from portal.servers.linking import Credential
from portal.servers.services import edit_server
from portal.sso import services
from portal.sso.models import Launch
from tests.emulator_process import start_emulator
from tests.portal.sso.conftest import fetch_key, open_door
from tests.portal.sso.test_sign_ins import revoke_now

pytestmark = pytest.mark.django_db


@contextmanager
def overheard(url: str) -> Iterator[tuple[str, list[str]]]:
    """An address that passes everything on to `url`, and what it was sent."""
    bodies: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            bodies.append(f"{self.headers}{body.decode()}")
            headers = {"Content-Type": self.headers["Content-Type"], "Host": self.headers["Host"]}
            reply = requests.post(url + self.path, data=body, headers=headers, timeout=20)
            self.send_response(reply.status_code)
            self.send_header("Content-Type", reply.headers["Content-Type"])
            self.send_header("Content-Length", str(len(reply.content)))
            self.end_headers()
            self.wfile.write(reply.content)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", bodies
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def impostor():
    """Tells the same licence as the linked server, and takes a credential of its own."""
    with start_emulator() as started:
        yield started


def move(server, url: str, admin) -> None:
    edit_server(
        server=server,
        name=server.name,
        api_url=url,
        browser_url=server.browser_url,
        credential=Credential(admin.name, admin.password),
        user=None,
    )


def test_an_organizations_password_does_not_go_to_a_new_address(organization, linked, reseller, impostor):
    open_door(reseller.client(), organization)
    organization.refresh_from_db()
    password = organization.admin_password.reveal()
    Launch.objects.all().delete()

    with overheard(impostor.url) as (url, bodies):
        move(linked, url, impostor.admin)
        response = open_door(reseller.client(), organization)

    assert response.status_code == 201
    assert bodies
    assert password not in "".join(bodies)
    organization.refresh_from_db()
    assert organization.admin_password.reveal() != password


def test_an_administrator_of_before_the_move_is_removed_at_the_same_server(
    organization, linked, reseller, emulator
):
    open_door(reseller.client(), organization)
    organization.refresh_from_db()
    before = organization.admin_username
    move(linked, emulator.url.replace("127.0.0.1", "localhost"), emulator.admin)

    open_door(reseller.client(), organization)

    organization.refresh_from_db()
    names = {admin["Username"] for admin in emulator.call("admin/admin-user/list")}
    assert organization.admin_username in names
    assert before not in names


def test_a_session_key_is_revoked_where_it_was_issued(linked, provider, impostor, accepts):
    client = provider.client()
    open_door(client, linked)
    launch = Launch.objects.get()
    message = fetch_key(client, launch).json()

    with overheard(impostor.url) as (url, bodies):
        move(linked, url, impostor.admin)
        services.end(launch, because="ended by hand")
        ended = revoke_now(launch)

    assert ended.state == Launch.State.REVOKED
    assert message["sessionkey"] not in "".join(bodies)
    assert not accepts(message["username"], message["sessionkey"])


def test_a_new_browser_address_needs_the_credential_again(linked):
    """Sign-ins are posted there: whoever may type addresses could collect them."""
    with pytest.raises(LinkRefused) as caught:
        edit_server(
            server=linked,
            name=linked.name,
            api_url=linked.api_url,
            browser_url="https://elsewhere.example",
            credential=None,
            user=None,
        )

    assert caught.value.field == "password"
    linked.refresh_from_db()
    assert linked.browser_url != "https://elsewhere.example"
