"""The three sign-ins against an emulated Comet Server, from the reason to the revoked key."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import comet
from portal.audit.models import Entry
from portal.operations.models import Operation
from portal.servers.linking import Credential
from portal.servers.models import CometServer
from portal.servers.services import edit_server, unlink_server
from portal.sso import keys, services
from portal.sso.models import Launch
from tests.emulated import run_operation
from tests.portal.sso.conftest import door_url, fetch_key, open_door

pytestmark = pytest.mark.django_db
State = Launch.State


def only_launch() -> Launch:
    return Launch.objects.select_related("server", "organization").get()


def revoke_now(launch: Launch) -> Launch:
    """What the worker does with it."""
    services.revoke(launch.pk)
    return only_launch()


def opened(client: Client, target: object) -> dict[str, str]:
    """The message a launcher would post into Comet's window."""
    response = open_door(client, target)
    assert response.status_code == 201, response.content
    return fetch_key(client, only_launch()).json()


def test_server_administrator(linked, provider, accepts):
    message = opened(provider.client(), linked)

    assert (message["msg"], message["username"]) == ("session_login", linked.admin_username)
    assert accepts(message["username"], message["sessionkey"])


def test_organization_administrator_is_made_once_and_exists_at_its_host_only(
    organization, reseller, accepts, emulator
):
    client = reseller.client()
    message = opened(client, organization)

    organization.refresh_from_db()
    name, key = message["username"], message["sessionkey"]
    assert (message["msg"], name) == ("session_login", organization.admin_username)
    assert accepts(name, key, host=organization.host)
    assert not accepts(name, key)
    listed = emulator.call("admin/admin-user/list")
    assert {admin["Username"]: admin["OrganizationID"] for admin in listed}[
        name
    ] == organization.organization_id

    assert open_door(client, organization).status_code == 201
    assert len(emulator.call("admin/admin-user/list")) == len(listed)


def test_an_organization_administrator_that_was_removed_is_made_anew(
    organization, reseller, emulator, accepts
):
    client = reseller.client()
    first = opened(client, organization)
    Launch.objects.all().delete()
    emulator.call(
        "admin/admin-user/delete", TargetUser=first["username"], TargetOrgID=organization.organization_id
    )

    second = opened(client, organization)

    assert second["username"] != first["username"]
    assert accepts(second["username"], second["sessionkey"], host=organization.host)


def test_end_user(profile, organization, reseller, accepts):
    message = opened(reseller.client(), profile)

    assert (message["msg"], message["username"]) == ("user_session_login", profile.username)
    assert accepts(message["username"], message["sessionkey"], host=organization.host, as_user=True)


def test_each_launch_has_a_key_of_its_own(linked, provider):
    client = provider.client()
    first = opened(client, linked)
    Launch.objects.all().delete()

    assert opened(client, linked)["sessionkey"] != first["sessionkey"]


def test_a_key_is_given_out_once(linked, provider):
    client = provider.client()
    opened(client, linked)

    response = fetch_key(client, only_launch())

    assert response.status_code == 410
    assert "sessionkey" not in response.json()


def test_a_key_is_never_cached(linked, provider):
    client = provider.client()
    open_door(client, linked)

    assert "no-store" in fetch_key(client, only_launch())["Cache-Control"]


def test_another_session_of_the_same_person_gets_no_key(linked, provider):
    open_door(provider.client(), linked)

    assert fetch_key(provider.client(), only_launch()).status_code == 404


def test_who_lost_the_permission_meanwhile_gets_no_key(linked, technician):
    client = technician.client()
    open_door(client, linked)
    technician.user.memberships.update(role="viewer")

    assert fetch_key(client, only_launch()).status_code == 403


@pytest.mark.parametrize("as_user", [False, True])
def test_ending_revokes_the_key(as_user, linked, profile, organization, provider, accepts):
    client = provider.client()
    message = opened(client, profile if as_user else linked)
    response = client.post(reverse("sso:launch-end", args=[only_launch().pk]))
    assert response.url == reverse("sso:launch-ended")
    assert only_launch().state == State.ENDING

    launch = revoke_now(only_launch())

    assert (launch.state, launch.session_key, launch.ended_because) == (State.REVOKED, None, "ended by hand")
    host = organization.host if as_user else None
    assert not accepts(message["username"], message["sessionkey"], host=host, as_user=as_user)


def test_signing_out_ends_what_was_opened(linked, provider):
    client = provider.client()
    opened(client, linked)

    client.post(reverse("account_logout"))

    assert (only_launch().state, only_launch().ended_because) == (State.ENDING, "sign-out")


def test_losing_a_role_ends_what_was_opened(linked, provider, technician):
    opened(technician.client(), linked)
    membership = technician.user.memberships.get()

    provider.client().post(reverse("accounts:membership-remove", args=[membership.pk]))

    assert (only_launch().state, only_launch().ended_because) == (State.ENDING, "role taken away")


def test_the_time_box_ends_it(linked, provider):
    client = provider.client()
    opened(client, linked)
    Launch.objects.update(expires_at=timezone.now())

    services.sweep()

    assert (only_launch().state, only_launch().ended_because) == (State.ENDING, "time box")


def test_a_key_nobody_fetched_is_revoked_soon_and_too_late_to_fetch(linked, provider):
    client = provider.client()
    open_door(client, linked)
    Launch.objects.update(issued_at=timezone.now() - services.FETCH_WITHIN)

    services.sweep()
    assert fetch_key(client, only_launch()).status_code == 410

    assert revoke_now(only_launch()).state == State.FAILED


def test_revocation_is_tried_again_until_the_server_answers(linked, provider, emulator, accepts):
    client = provider.client()
    message = opened(client, linked)
    services.end(only_launch(), because="ended by hand")
    emulator.order("fail", method="AdminAccountSessionRevoke", times=1, http_status=502)

    waiting = revoke_now(only_launch())
    assert (waiting.state, waiting.revoke_attempts) == (State.ENDING, 1)
    assert waiting.revoke_after > timezone.now()
    assert revoke_now(waiting).revoke_attempts == 1  # not before its time
    assert accepts(message["username"], message["sessionkey"])

    Launch.objects.update(revoke_after=timezone.now())
    assert revoke_now(waiting).state == State.REVOKED
    assert not accepts(message["username"], message["sessionkey"])


def test_revocation_is_given_up_when_comet_has_long_ended_the_key(linked, provider):
    opened(provider.client(), linked)
    services.end(only_launch(), because="time box")
    Launch.objects.update(api_url="http://127.0.0.1:1")
    Launch.objects.update(expires_at=timezone.now() - services.GIVE_UP_AFTER - timedelta(minutes=1))

    launch = revoke_now(only_launch())

    assert (launch.state, launch.session_key) == (State.REVOKED, None)
    assert "could not be revoked" in launch.problem


def test_revocation_is_not_given_up_while_the_portals_keys_are_not_the_right_ones(
    linked, provider, settings, accepts
):
    message = opened(provider.client(), linked)
    right = settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = []
    services.end(only_launch(), because="time box")
    Launch.objects.update(expires_at=timezone.now() - services.GIVE_UP_AFTER - timedelta(minutes=1))

    assert revoke_now(only_launch()).state == State.ENDING

    settings.ENCRYPTION_KEYS = right
    Launch.objects.update(revoke_after=timezone.now())
    assert revoke_now(only_launch()).state == State.REVOKED
    assert not accepts(message["username"], message["sessionkey"])


def test_nothing_is_issued_that_could_not_be_kept(linked, provider, settings):
    settings.ENCRYPTION_KEYS = []

    response = open_door(provider.client(), linked)

    assert response.status_code == 502
    assert Launch.objects.count() == 0


def test_the_audit_tells_it_all_and_holds_no_key(linked, provider):
    client = provider.client()
    message = opened(client, linked)
    services.end(only_launch(), because="ended by hand")
    revoke_now(only_launch())

    told = Entry.objects.filter(action__startswith="sso.")
    assert set(told.values_list("action", flat=True)) == {"sso.launch", "sso.key", "sso.end"}
    assert {entry.actor for entry in told} == {provider.user}
    assert told.filter(action="sso.launch", phase="begun").get().details["reason"] == "Ticket 4711"
    assert message["sessionkey"] not in str(
        [(entry.details, entry.object_label) for entry in Entry.objects.all()]
    )


def test_a_key_is_stored_sealed(linked, provider):
    message = opened(provider.client(), linked)

    assert only_launch().session_key.reveal() == message["sessionkey"]
    assert message["sessionkey"] not in only_launch().session_key.token


def test_the_portal_s_own_key_is_never_handed_out(linked, provider):
    CometServer.objects.update(credential_kind="session_key", session_key="its-own-key", password=None)

    response = open_door(provider.client(), linked)

    assert response.status_code == 502
    assert "session key alone" in response.json()["problem"]
    assert not Launch.objects.exists()


def test_a_slow_server_costs_a_click_no_more_than_the_budget(linked, provider, emulator, monkeypatch):
    monkeypatch.setattr(keys, "BUDGET_SECONDS", 0.3)
    emulator.order("latency", method="AdminAccountSessionStart", seconds=5)

    response = open_door(provider.client(), linked)

    assert response.status_code == 502
    assert str(linked) in response.json()["problem"]
    refused = Entry.objects.get(action="sso.launch", phase="ended")
    assert refused.outcome == "refused"


def test_a_suspended_organization_is_not_opened(organization, reseller):
    organization.is_suspended = True
    organization.save()

    assert "suspended" in open_door(reseller.client(), organization).json()["problem"]


@pytest.mark.parametrize("reason", ["", "x", "<script>alert(1)</script>", "a\u202eb c", "x" * 10_240])
def test_a_reason_that_cannot_be_used_is_told_at_its_field(linked, provider, reason):
    response = open_door(provider.client(), linked, reason=reason)

    assert response.status_code == 422
    assert response.json()["errors"]["reason"]
    assert not Launch.objects.exists()


def test_a_refusal_does_not_name_the_servers_administrator(profile, reseller, monkeypatch):
    """Who may open an end user's window knows nothing of the server's credentials."""

    def wants_a_code(*_: object, **__: object) -> None:
        raise comet.SecondFactorRequired("wants a code", status=449)

    monkeypatch.setattr(comet.CometClient, "admin_account_session_start_as_user", wants_a_code)
    CometServer.objects.update(admin_username="secret-name")

    response = open_door(reseller.client(), profile)

    assert response.status_code == 502
    assert "second factor" in response.json()["problem"]
    assert "secret-name" not in response.json()["problem"]
    assert "secret-name" not in str(list(Entry.objects.values("details", "object_label")))


def test_who_may_take_which_door(linked, organization, profile, provider, reseller, outsider, customer):
    expected = {
        (provider, linked): 200,
        (provider, organization): 200,
        (provider, profile): 200,
        (reseller, linked): 404,
        (reseller, organization): 200,
        (reseller, profile): 200,
        (outsider, linked): 404,
        (outsider, organization): 404,
        (outsider, profile): 404,
        (customer, linked): 403,
        (customer, organization): 403,
        (customer, profile): 404,
    }
    seen = {
        (person, target): person.client().get(door_url(target)).status_code for person, target in expected
    }
    assert seen == expected


def test_unlinking_a_server_ends_and_revokes_what_is_open_there(linked, provider, accepts):
    message = opened(provider.client(), linked)

    run_operation(unlink_server(server=linked, user=provider.user))

    assert not CometServer.objects.exists()
    assert not accepts(message["username"], message["sessionkey"])


def test_a_server_that_is_being_unlinked_is_not_opened(linked, provider):
    unlink_server(server=linked, user=provider.user)

    assert open_door(provider.client(), linked).status_code in (404, 502)
    assert not Launch.objects.exists()


def test_unlinking_deletes_the_administrators_the_portal_made_and_names_what_is_left(
    linked, organization, reseller, provider, emulator
):
    made = opened(reseller.client(), organization)["username"]
    edit_server(
        server=linked,
        name=linked.name,
        api_url=linked.api_url,
        browser_url=linked.browser_url,
        credential=Credential(emulator.admin.name, emulator.admin.password),
        own_admin=True,
        user=provider.user,
    )
    run_operation(Operation.objects.get(kind="server.own_admin"))
    linked.refresh_from_db()

    page = provider.client().get(reverse("servers:server-unlink", args=[linked.pk])).content.decode()
    assert f"<code>{made}</code>" in page
    assert f"<code>{linked.admin_username}</code>" in page
    item = run_operation(unlink_server(server=linked, user=provider.user)).items.get()

    names = {admin["Username"] for admin in emulator.call("admin/admin-user/list")}
    assert made not in names
    assert linked.admin_username in names
    assert item.progress_text.endswith(
        f"Delete in Comet by hand what the portal made: {linked.admin_username}."
    )
    removed = Entry.objects.get(action="server.admin.remove", phase="ended")
    assert (removed.outcome, removed.actor) == ("done", provider.user)


def test_unlinking_a_server_that_does_not_answer_names_what_it_could_not_delete(
    linked, organization, reseller, provider
):
    made = opened(reseller.client(), organization)["username"]
    CometServer.objects.update(api_url="http://127.0.0.1:1")

    item = run_operation(unlink_server(server=linked, user=provider.user)).items.get()

    assert item.progress_text == f"Unlinked. Delete in Comet by hand what the portal made: {made}."
    assert not CometServer.objects.exists()


def test_closing_a_sign_in_ends_what_was_opened_by_it(linked, provider, technician):
    opened(technician.client(), linked)

    provider.client().post(reverse("accounts:person-close", args=[technician.user.pk]))

    assert only_launch().state == State.ENDING
