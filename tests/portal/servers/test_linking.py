"""Linking a Comet Server: what is asked, what is refused and in which words, what is kept."""

import base64
import hashlib
import hmac
import http.server
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection
from django.utils import timezone

from portal.accounts.access import access_for
from portal.audit.models import Entry
from portal.core.encryption import MASK
from portal.jobs.models import Job
from portal.operations.models import Operation
from portal.servers import clients
from portal.servers.errors import LinkRefused
from portal.servers.linking import Credential
from portal.servers.models import CometServer, Placement
from portal.servers.selectors import freshness
from portal.servers.services import edit_server, unlink_server
from tests.cast import person
from tests.emulated import link, run_operation, sync
from tests.emulator_process import start_emulator
from tests.factories import CometServerFactory, EventFactory, JobFactory, PlacementFactory

pytestmark = pytest.mark.django_db
TOTP_SECRET = "JBSWY3DPEHPK3PXP"


@pytest.fixture(scope="module")
def guarded_emulator():
    """Knows an administrator with a second factor beside the plain one."""
    with start_emulator(extra=["--totp-admin", f"careful:careful-password:{TOTP_SECRET}"]) as started:
        yield started


def refused(emulator, provider, **changes) -> LinkRefused:
    with pytest.raises(LinkRefused) as caught:
        link(emulator, provider, **changes)
    assert CometServer.objects.count() == 0
    assert Operation.objects.count() == 0
    return caught.value


@contextmanager
def answering(body: bytes, content_type: str = "application/json") -> Iterator[str]:
    """A web server that says `body` to everything."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def totp_code() -> str:
    key = base64.b32decode(TOTP_SECRET)
    digest = hmac.new(key, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"


def test_a_link_is_tried_kept_encrypted_audited_and_synced(emulator, provider):
    server = link(emulator, provider)

    assert (server.version, server.credential_kind) == ("25.9.8", "password")
    assert server.license_hash
    assert server.password.reveal() == emulator.admin.password
    with connection.cursor() as cursor:
        cursor.execute("SELECT password, session_key FROM servers_cometserver")
        stored = cursor.fetchone()
    assert emulator.admin.password not in stored[0]
    assert stored[1] is None
    assert Operation.objects.get(kind="server.sync").tenant == provider.tenant
    assert set(Placement.objects.values_list("organization_id", flat=True)) == {"*", ""}
    begun, ended = Entry.objects.filter(action="server.link").order_by("pk")
    assert (begun.phase, ended.phase, ended.outcome) == ("begun", "ended", "done")
    assert emulator.admin.password not in str([begun.details, ended.details])


def test_a_wrong_password_is_said_at_the_password(emulator, provider):
    problem = refused(emulator, provider, password="wrong")

    assert problem.field == "password"
    assert "403" in problem.message
    assert Entry.objects.filter(action="server.link", outcome="refused").count() == 1


def test_a_wrong_port_is_said_at_the_address(emulator, provider):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        problem = refused(emulator, provider, api_url=f"http://127.0.0.1:{port}")

    assert problem.field == "api_url"
    assert "connection was refused" in problem.message
    assert "port" in problem.message


def test_an_unknown_name_is_said_at_the_address(emulator, provider):
    problem = refused(emulator, provider, api_url="http://no-such-host.invalid:8060")

    assert problem.field == "api_url"
    assert "host name" in problem.message


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b"<html><body>Welcome</body></html>", "text/html"), (b'{"hello":"world"}', "application/json")],
)
def test_what_is_not_a_comet_server_is_told_apart(emulator, provider, body, content_type):
    with answering(body, content_type) as url:
        problem = refused(emulator, provider, api_url=url)

    assert problem.field == "api_url"
    assert "not a Comet Server" in problem.message


def test_tls_against_a_server_without_it_is_said(emulator, provider):
    problem = refused(emulator, provider, api_url=emulator.url.replace("http:", "https:"))

    assert problem.field == "api_url"
    assert "encrypted connection" in problem.message


@pytest.mark.parametrize("allowed", [[], ["10.0.0.0/8"], ["127.0.0.1/32:1"]])
def test_an_address_that_is_not_listed_is_never_contacted(emulator, provider, settings, allowed):
    settings.ALLOWED_NETWORKS = allowed

    problem = refused(emulator, provider)

    assert problem.field == "api_url"
    assert "not allowed to contact" in problem.message


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"AuthenticationRole": False}, "api_url", "Auth Role"),
        ({"Version": "20.3.1"}, "api_url", "20.3.1"),
        ({"ServerLicenseHash": ""}, "api_url", "licensed"),
    ],
)
def test_a_server_the_portal_cannot_use_says_why(emulator, provider, changes, field, said):
    version = emulator.call("admin/meta/version") | {"OrganizationID": ""} | changes
    with answering(json.dumps(version).encode()) as url:
        problem = refused(emulator, provider, api_url=url)

    assert problem.field == field
    assert said in problem.message


def test_an_organizations_administrator_is_told_to_bring_a_server_administrator(emulator, provider):
    version = emulator.call("admin/meta/version") | {"OrganizationID": "some-organization"}
    with answering(json.dumps(version).encode()) as url:
        problem = refused(emulator, provider, api_url=url)

    assert problem.field == "username"
    assert "server administrator" in problem.message


def test_a_second_factor_is_asked_for_at_the_code(guarded_emulator, provider):
    credential = {"username": "careful", "password": "careful-password"}

    assert refused(guarded_emulator, provider, **credential).field == "totp_code"
    wrong = refused(guarded_emulator, provider, **credential, totp_code="000000")
    assert wrong.field in ("totp_code", "password")


def test_a_code_buys_a_session_key_and_the_portal_makes_itself_an_administrator(guarded_emulator, provider):
    server = link(
        guarded_emulator,
        provider,
        username="careful",
        password="careful-password",
        totp_code=totp_code(),
        own_admin=True,
    )
    assert (server.credential_kind, server.password) == ("session_key", None)
    assert server.session_key.reveal()

    operation = run_operation(Operation.objects.get(kind="server.own_admin"))

    assert operation.state == Operation.State.SUCCEEDED, operation.items.get().error
    server.refresh_from_db()
    assert server.admin_username.startswith("perihelion-")
    assert (server.credential_kind, server.session_key) == ("password", None)
    assert len(server.password.reveal()) >= 32
    assert clients.for_server(server).admin_account_properties().organization_id == ""
    assert sync(server, provider.user).state == Operation.State.SUCCEEDED


def test_the_same_server_twice_is_named_only_to_who_may_see_it(emulator, provider, outsider):
    link(emulator, provider)

    with pytest.raises(LinkRefused, match="fr-par-1") as caught:
        link(emulator, provider, name="again", api_url=emulator.url.replace("127.0.0.1", "localhost"))
    assert caught.value.field == "api_url"
    with pytest.raises(LinkRefused) as caught:
        link(emulator, outsider, name="again")
    assert "fr-par-1" not in caught.value.message
    assert "linked already" in caught.value.message


def test_a_name_is_given_once(emulator, provider):
    CometServerFactory(tenant=provider.tenant, name="fr-par-1")

    with pytest.raises(LinkRefused) as caught:
        link(emulator, provider)
    assert caught.value.field == "name"


def edit(server, **changes):
    values = {
        "name": server.name,
        "api_url": server.api_url,
        "browser_url": server.browser_url,
        "credential": None,
    }
    edit_server(server=server, user=None, **{**values, **changes})
    server.refresh_from_db()


def test_a_new_credential_is_tried_before_it_replaces_the_old(emulator, linked):
    with pytest.raises(LinkRefused):
        edit(linked, credential=Credential("admin", "wrong"))
    linked.refresh_from_db()
    assert linked.password.reveal() == emulator.admin.password

    emulator.call("admin/admin-user/new", TargetUser="second", TargetPassword="second-password")
    before = clients.for_server(linked)
    edit(linked, name="renamed", credential=Credential("second", "second-password"))

    assert (linked.name, linked.admin_username) == ("renamed", "second")
    ended = Entry.objects.filter(action="server.edit", outcome="done").latest("pk")
    told = {one["field"]: (one["before"], one["after"]) for one in ended.details["changes"]}
    assert told["name"] == ("fr-par-1", "renamed")
    assert told["admin username"] == ("admin", "second")
    assert told["password"] == (MASK, MASK)
    assert clients.for_server(linked)._transport is not before._transport


def test_another_server_at_the_new_address_is_refused(linked, guarded_emulator):
    with start_emulator(seed=99) as other, pytest.raises(LinkRefused) as caught:
        edit(linked, api_url=other.url, credential=Credential(other.admin.name, other.admin.password))
    assert caught.value.field == "api_url"
    assert "Another Comet Server" in caught.value.message


def test_the_stored_credential_is_not_sent_to_an_address_somebody_typed(linked, monkeypatch):
    monkeypatch.setattr("portal.servers.services.prove", lambda *_: pytest.fail("it was sent"))

    with pytest.raises(LinkRefused) as caught:
        edit(linked, api_url="http://127.0.0.1:1")

    assert caught.value.field == "password"
    linked.refresh_from_db()
    assert linked.api_url != "http://127.0.0.1:1"


def test_an_address_moves_with_the_credential_typed_again(emulator, linked):
    moved = emulator.url.replace("127.0.0.1", "localhost")

    edit(linked, api_url=moved, credential=Credential(emulator.admin.name, emulator.admin.password))

    assert linked.api_url == moved


def test_an_edit_leaves_what_others_wrote_meanwhile(linked):
    held = CometServer.objects.get(pk=linked.pk)
    CometServer.objects.filter(pk=linked.pk).update(
        stream="up", jobs_revision=7, restarts=2, unlinking_at=timezone.now()
    )

    edit(held, name="renamed")

    assert (held.name, held.stream, held.jobs_revision, held.restarts) == ("renamed", "up", 7, 2)
    assert held.unlinking_at is not None


def test_one_client_serves_a_server_and_makes_one_sign_in(emulator, linked):
    first = clients.for_server(linked, purpose="web")
    first.admin_meta_version()
    second = clients.for_server(CometServer.objects.get(), purpose="bulk")
    second.admin_meta_version()

    assert first._transport is second._transport
    assert first.start_session() == second.start_session()
    assert emulator.admin.password not in repr([first, clients.credential_of(linked)])


def test_unlinking_deletes_everything_mirrored_and_nothing_else(linked, provider, outsider):
    sync(linked, provider.user)
    EventFactory(server=linked, placement=linked.placements.first())
    other = JobFactory()
    assert Job.objects.filter(server=linked).count() > 100

    operation = run_operation(unlink_server(server=linked, user=provider.user))

    assert operation.state == Operation.State.SUCCEEDED, operation.items.get().error
    assert not CometServer.objects.filter(pk=linked.pk).exists()
    assert list(Job.objects.all()) == [other]
    assert Placement.objects.filter(server_id=linked.pk).count() == 0
    assert operation.items.get().progress_done == operation.items.get().progress_total > 100


def test_freshness_counts_servers_that_hold_what_one_sees_without_naming_them(provider, customer):
    CometServerFactory(name="other", stream="up")
    placement = PlacementFactory(tenant=customer.tenant, server__name="fr-par-1", server__stream="down")
    CometServer.objects.filter(pk=placement.server_id).update(linked_at="2020-01-01T00:00Z")

    theirs, ours = freshness(access_for(customer.user)), freshness(access_for(provider.user))

    assert (theirs.total, theirs.live, theirs.may_list) == (1, False, False)
    assert [server.name for server in theirs.stale] == [""]
    assert (ours.total, ours.live, [server.name for server in ours.stale]) == (2, False, ["fr-par-1"])
    assert freshness(access_for(person(customer.tenant, "viewer").user)).total == 1
