"""People, invitations and settings through their pages."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from portal.accounts.models import Invitation, Membership, User
from portal.audit.models import Entry
from portal.core.paging import keyset_page
from tests.cast import Person
from tests.factories import InvitationFactory, MembershipFactory, TenantFactory

pytestmark = pytest.mark.django_db
PASSWORD = "orbit lantern quiet maple"


def invite(person, **fields):
    data = {"email": "new@example.com", "tenant": person.tenant.pk, "role": "viewer"} | fields
    return person.client().post(reverse("accounts:person-invite"), data)


def link_in(response):
    return re.search(r'value="(http[^"]+/invitations/[^"]+)"', response.content.decode())[1]


def test_an_invited_person_gets_in_with_the_role(reseller, client):
    link = link_in(invite(reseller))
    page = client.get(link)
    assert "new@example.com" in page.content.decode()
    response = client.post(link, {"name": "New Person", "password": PASSWORD})
    assert response.url == reverse("overview:home")
    membership = Membership.objects.get(user__email="new@example.com")
    assert (membership.tenant, membership.role) == (reseller.tenant, "viewer")
    assert client.get(reverse("accounts:settings")).status_code == 200


def test_the_token_is_not_stored(reseller):
    token = link_in(invite(reseller)).rstrip("/").rsplit("/", 1)[1]
    assert token not in str(Invitation.objects.values())
    assert token not in str(Entry.objects.values())


def test_a_link_works_once(reseller, client):
    link = link_in(invite(reseller))
    client.post(link, {"name": "New Person", "password": PASSWORD})
    assert client.get(link).status_code == 410


def test_a_link_expires(reseller, client):
    link = link_in(invite(reseller))
    with time_machine.travel(timezone.now() + timedelta(days=8)):
        assert client.get(link).status_code == 410


def test_an_unknown_link_says_so(client, db):
    response = client.get(reverse("accounts:invitation-accept", args=["no-such-token"]))
    assert response.status_code == 410
    assert "not known" in response.content.decode()


def test_nobody_grants_more_than_he_holds():
    admin = MembershipFactory(tenant=TenantFactory(kind="reseller"), role="viewer")
    assert invite(Person(admin.user, admin.tenant), role="owner").status_code == 403


def test_nobody_invites_into_a_foreign_tenant(reseller, outsider):
    response = invite(reseller, tenant=outsider.tenant.pk)
    assert response.status_code == 422
    assert not Invitation.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "not an address"),
        ("email", "a@" + "b" * 300 + ".example"),
        ("role", "emperor"),
        ("tenant", "abc"),
    ],
)
def test_bad_input_is_refused_at_its_field(reseller, field, value):
    response = invite(reseller, **{field: value})
    assert response.status_code == 422
    assert field in response.context["form"].errors


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "evil\u202egnp", "x" * 10_240, ""])
def test_hostile_names_are_refused_at_their_field(reseller, client, name):
    link = link_in(invite(reseller))
    response = client.post(link, {"name": name, "password": PASSWORD})
    assert response.status_code == 422
    assert "name" in response.context["form"].errors
    assert not User.objects.filter(email="new@example.com").exists()


@pytest.mark.parametrize("password", ["short", "password1234", "new@example.com"])
def test_weak_passwords_are_refused(reseller, client, password):
    response = client.post(link_in(invite(reseller)), {"name": "New Person", "password": password})
    assert response.status_code == 422
    assert "password" in response.context["form"].errors


def test_the_list_shows_own_people_only(reseller, outsider):
    page = reseller.client().get(reverse("accounts:person-list")).content.decode()
    assert reseller.user.email in page
    assert outsider.user.email not in page


@pytest.mark.parametrize("query", [{"role": "king"}, {"q": "x" * 101}, {"q": "\x00"}])
def test_a_filter_of_people_that_cannot_be_used_is_refused_with_the_reason(reseller, query):
    response = reseller.client().get(reverse("accounts:person-list"), query, headers={"HX-Request": "true"})
    assert response.status_code == 422
    assert "field-error" in response.content.decode()
    assert not response.context["page"].rows


@pytest.mark.parametrize("many", [2, 14])
def test_open_invitations_begin_on_the_list_of_people_and_go_on_on_their_own(
    reseller, outsider, many, django_assert_max_num_queries
):
    made = InvitationFactory.create_batch(many, tenant=reseller.tenant, invited_by=reseller.user)
    InvitationFactory(tenant=outsider.tenant)
    browser = reseller.client()
    with django_assert_max_num_queries(17):
        people = browser.get(reverse("accounts:person-list"))
    assert len(people.context["invitations"]) == min(many, 10)
    assert ("and 4 more" in people.content.decode()) == (many == 14)
    with django_assert_max_num_queries(13):
        whole = browser.get(reverse("accounts:invitation-list"))
    assert [one.pk for one in whole.context["page"]] == [one.pk for one in reversed(made)]


def test_invitations_come_in_pages(reseller, monkeypatch):
    monkeypatch.setitem(keyset_page.__kwdefaults__, "size", 2)
    InvitationFactory.create_batch(3, tenant=reseller.tenant)
    first = reseller.client().get(reverse("accounts:invitation-list")).context["page"]
    second = reseller.client().get(first.next_url).context["page"]
    assert (len(first), len(second), second.next_url) == (2, 1, "")


def test_a_role_is_taken_away(reseller):
    membership = MembershipFactory(tenant=reseller.tenant, role="viewer")
    reseller.client().post(reverse("accounts:membership-remove", args=[membership.pk]))
    assert not Membership.objects.filter(pk=membership.pk).exists()


def test_a_tenant_keeps_its_last_owner(provider):
    membership = provider.user.memberships.get()
    provider.client().post(reverse("accounts:membership-remove", args=[membership.pk]))
    assert Membership.objects.filter(pk=membership.pk).exists()


def test_a_withdrawn_invitation_is_useless(reseller, client):
    link = link_in(invite(reseller))
    reseller.client().post(reverse("accounts:invitation-revoke", args=[Invitation.objects.get().pk]))
    assert client.get(link).status_code == 410


@pytest.mark.parametrize("loses", ["the role", "the sign-in"])
def test_an_invitation_is_worth_what_its_maker_may_grant_now(reseller, client, loses):
    link = link_in(invite(reseller, role="admin"))
    if loses == "the role":
        Membership.objects.filter(user=reseller.user).update(role="viewer")
    else:
        User.objects.filter(pk=reseller.user.pk).update(is_active=False)

    assert client.get(link).status_code == 410
    assert client.post(link, {"name": "New Person", "password": PASSWORD}).status_code == 410
    assert not User.objects.filter(email="new@example.com").exists()


def test_settings_are_kept(customer):
    data = {"name": "Renamed", "time_zone": "Europe/Berlin", "theme": "dark"}
    customer.client().post(reverse("accounts:settings"), data)
    customer.user.refresh_from_db()
    assert (customer.user.name, customer.user.time_zone, customer.user.theme) == tuple(data.values())
    ended = Entry.objects.get(action="person.edit", phase="ended")
    told = {one["field"]: (one["before"], one["after"]) for one in ended.details["changes"]}
    assert told["time zone"] == ("", "Europe/Berlin")
    assert told["name"][1] == "Renamed"
    assert "Renamed" not in ended.actor_label


def test_a_time_zone_that_does_not_exist_is_refused(customer):
    data = {"name": "Renamed", "time_zone": "Mars/Olympus", "theme": "dark"}
    response = customer.client().post(reverse("accounts:settings"), data)
    assert response.status_code == 422
    assert "time_zone" in response.context["form"].errors


def test_setup_makes_the_provider_and_one_link(client, capsys, db):
    call_command("setup", "--name", "Northern Backup", "--url", "https://portal.example.com")
    link = capsys.readouterr().out.strip().splitlines()[-1]
    assert link.startswith("https://portal.example.com/invitations/")
    path = link.removeprefix("https://portal.example.com")
    client.post(path, {"email": "owner@example.com", "name": "Owner", "password": PASSWORD})
    membership = Membership.objects.get(user__email="owner@example.com")
    assert (membership.tenant.name, membership.role) == ("Northern Backup", "owner")
    with pytest.raises(CommandError, match="has an owner already"):
        call_command("setup")
