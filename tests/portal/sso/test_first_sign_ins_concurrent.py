"""Two people open an organization for the first time at once, on connections of their own."""

import pytest
from django.db import connection

from portal.audit.models import Entry
from portal.sso import keys
from portal.sso.models import Launch
from tests.cast import person
from tests.portal.sso.conftest import open_door
from tests.portal.tenants.test_tree_concurrent import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def made_at(emulator, organization) -> list[str]:
    return [
        admin["Username"]
        for admin in emulator.call("admin/admin-user/list")
        if admin["OrganizationID"] == organization.organization_id
        and admin["Username"].startswith("perihelion-")
    ]


def both_open(organization, people) -> list[int]:
    clients = [someone.client() for someone in people]
    statuses: list[int] = []

    def opens(client):
        def work():
            statuses.append(open_door(client, organization).status_code)
            connection.close()

        return work

    assert at_once(*(opens(client) for client in clients)) == [None] * len(clients)
    return statuses


@pytest.mark.parametrize("was_there", [False, True], ids=["never", "removed at Comet"])
def test_one_administrator_is_made_and_both_are_let_in(
    was_there, organization, reseller, emulator, monkeypatch
):
    if was_there:
        organization.admin_username, organization.admin_password = "perihelion-00000000", "gone over there"
        organization.save()
    monkeypatch.setattr(keys, "OTHER_PAUSE_SECONDS", 0.1)
    before = made_at(emulator, organization)
    emulator.order("latency", method="AdminAdminUserNew", seconds=0.6)

    statuses = both_open(organization, [reseller, person(reseller.tenant, "admin")])

    assert statuses == [201, 201]
    organization.refresh_from_db()
    assert set(made_at(emulator, organization)) - set(before) == {organization.admin_username}
    assert {launch.comet_username for launch in Launch.objects.all()} == {organization.admin_username}
    assert Entry.objects.filter(action="sso.admin.make", phase="begun").count() == 1


def test_who_waits_for_another_waits_no_longer_than_a_click_may_take(
    organization, reseller, emulator, monkeypatch
):
    monkeypatch.setattr(keys, "BUDGET_SECONDS", 0.8)
    monkeypatch.setattr(keys, "OTHER_PAUSE_SECONDS", 0.1)
    emulator.order("latency", method="AdminAdminUserNew", seconds=5)

    assert both_open(organization, [reseller, person(reseller.tenant, "admin")]) == [502, 502]
