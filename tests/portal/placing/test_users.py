"""Single users placed by hand: what they hold goes along, and comes back."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains

from portal.core.states import State
from portal.fleet.apply import apply_profiles
from portal.fleet.records import DeviceRecord, ProfileRecord
from portal.jobs.apply import apply_jobs
from portal.jobs.models import Job, PlacementHour
from portal.jobs.records import JobRecord
from portal.live.models import Event
from portal.operations.models import Operation
from portal.placing import history
from portal.placing.plans import BACK
from portal.servers.models import Placement
from portal.servers.placements import Placements
from tests.emulated import run_operation
from tests.factories import (
    DeviceFactory,
    EventFactory,
    JobFactory,
    ProtectedItemFactory,
    StorageVaultFactory,
    TenantFactory,
)
from tests.portal.jobs.test_rollups_any_order import counted_anew, kept
from tests.portal.placing.conftest import place
from tests.portal.placing.test_place import now

pytestmark = pytest.mark.django_db


def report(number, username, *, device="device"):
    """A Job that ended some hours ago."""
    began = int((timezone.now() - timedelta(hours=number + 1)).timestamp())
    return JobRecord(
        guid=f"{username}-{number}",
        username=username,
        classification=4001,
        device_id=device,
        start_time=began,
        end_time=began + 60,
        status=(5000, 7001, 7002)[number % 3],
        upload_size=number,
    )


def populate(board, username, jobs, *, organization_id=""):
    """A user with a Device, an item, a vault, Jobs, and events of each kind."""
    record = ProfileRecord(
        username=username,
        organization_id=organization_id,
        devices={"device": DeviceRecord(friendly_name=f"{username}-pc")},
    )
    apply_profiles(board.server, [record])
    profile = board.server.user_profiles.get(username=username)
    device = profile.devices.get()
    ProtectedItemFactory(device=device)
    StorageVaultFactory(profile=profile)
    apply_jobs(board.server, [report(number, username) for number in range(jobs)])
    placement = profile.placement
    if jobs:
        EventFactory(placement=placement, job=profile.jobs.first())
    EventFactory(placement=placement, device=device)
    EventFactory(placement=placement, type=4100, data={"Username": username})
    return profile


def where(profile):
    """Placements of all that is mirrored of a user."""
    profile.refresh_from_db()
    return {
        profile.placement_id,
        *profile.devices.values_list("placement", flat=True),
        *profile.protected_items.values_list("placement", flat=True),
        *profile.storage_vaults.values_list("placement", flat=True),
        *profile.jobs.values_list("placement", flat=True),
    }


def sums():
    """What is counted in all hours together."""
    return sorted(
        PlacementHour.objects.values_list("hour", "succeeded", "warning", "failed", "upload_bytes"), key=str
    )


def by_tenant(model, tenant):
    return model.objects.filter(placement__tenant=tenant).count()


def test_what_a_user_holds_goes_with_him_and_comes_back(provider, customer, board):
    profile, other = populate(board, "maria", 9), populate(board, "otto", 4)
    home = profile.placement_id
    events = Event.objects.count()

    place(provider, "users", (profile, customer.tenant))

    by_hand = Placement.objects.get(username="maria")
    assert where(profile) == {by_hand.pk}
    assert where(other) == {home}
    assert (by_tenant(Job, customer.tenant), by_tenant(Event, customer.tenant)) == (9, 3)
    assert by_tenant(Event, provider.tenant) == events - 3
    assert kept() == list(counted_anew())

    place(provider, "users", (profile, BACK))

    assert where(profile) == {home}
    assert (by_tenant(Job, customer.tenant), by_tenant(Event, customer.tenant)) == (0, 0)
    assert not Placement.objects.filter(username="maria").exists()
    assert kept() == list(counted_anew())


def test_what_comes_in_meanwhile_lands_where_the_user_is(provider, customer, board):
    profile = populate(board, "maria", 2)
    place(provider, "users", (profile, customer.tenant))
    by_hand = Placement.objects.get(username="maria")

    apply_jobs(board.server, [report(50, "maria"), report(0, "maria")], bulk=True)
    apply_profiles(board.server, [ProfileRecord(username="maria")])

    assert where(profile) == {by_hand.pk}
    assert kept() == list(counted_anew())


def test_from_one_hand_to_another_is_one_row(provider, customer, reseller, board):
    profile = populate(board, "maria", 3)
    place(provider, "users", (profile, customer.tenant))
    by_hand = Placement.objects.get(username="maria")

    place(provider, "users", (profile, reseller.tenant))

    assert where(profile) == {by_hand.pk}
    assert now(by_hand)[0] == reseller.tenant
    assert by_tenant(Job, reseller.tenant) == 3


def test_an_organization_that_moves_leaves_those_placed_by_hand(provider, customer, reseller, board):
    organization = board.organization("Alpine Dental")
    stays = populate(board, "maria", 2, organization_id=organization.organization_id)
    goes = populate(board, "otto", 2, organization_id=organization.organization_id)
    place(provider, "users", (stays, customer.tenant))

    place(provider, "organizations", (organization, reseller.tenant))

    assert stays.jobs.filter(placement__tenant=customer.tenant).count() == 2
    assert goes.jobs.filter(placement__tenant=reseller.tenant).count() == 2


def test_a_long_history_follows_by_an_operation(provider, customer, board, monkeypatch):
    monkeypatch.setattr(history, "CHUNK", 5)
    profile = populate(board, "maria", 23)
    before = sums()

    placed = place(provider, "users", (profile, customer.tenant))

    operation = Operation.objects.get()
    assert placed.operations == 1
    assert (operation.kind, operation.items_total, operation.tenant) == (history.KIND, 1, provider.tenant)
    latest = Job.objects.filter(placement__tenant=customer.tenant).order_by("-started_at")
    assert [job.guid for job in latest] == [f"maria-{number}" for number in range(5)]
    assert kept() == list(counted_anew())

    run_operation(operation)

    operation.refresh_from_db()
    assert operation.state == "succeeded"
    assert by_tenant(Job, customer.tenant) == 23
    assert len(where(profile)) == 1
    assert kept() == list(counted_anew())
    assert [row for row in sums() if any(row[1:])] == before


def test_what_is_released_goes_at_once_even_while_its_history_is_on_the_way(
    provider, customer, reseller, board, monkeypatch
):
    organization = board.organization("Alpine Dental")
    profile = populate(board, "maria", 23, organization_id=organization.organization_id)
    place(provider, "users", (profile, customer.tenant))
    monkeypatch.setattr(history, "CHUNK", 5)

    place(provider, "users", (profile, BACK))

    assert by_tenant(Job, customer.tenant) == 0
    place(provider, "organizations", (organization, reseller.tenant))
    assert by_tenant(Job, reseller.tenant) == 23
    assert Placements(board.server).of_profile(organization.organization_id, "maria") == organization

    run_operation(Operation.objects.get())

    assert where(profile) == {organization.pk}
    assert not Placement.objects.filter(username="maria").exists()
    assert kept() == list(counted_anew())


def test_placed_again_while_on_the_way_back_ends_where_he_was_placed_last(
    provider, customer, reseller, board, monkeypatch
):
    profile = populate(board, "maria", 23)
    monkeypatch.setattr(history, "CHUNK", 5)
    place(provider, "users", (profile, customer.tenant))
    place(provider, "users", (profile, BACK))
    place(provider, "users", (profile, reseller.tenant))

    for operation in Operation.objects.order_by("pk"):
        run_operation(operation)

    assert len(where(profile)) == 1
    assert by_tenant(Job, reseller.tenant) == 23
    assert kept() == list(counted_anew())


def test_the_history_of_a_user_who_is_gone_says_so(provider, customer, board, monkeypatch):
    monkeypatch.setattr(history, "CHUNK", 5)
    profile = populate(board, "maria", 23)
    place(provider, "users", (profile, customer.tenant))
    profile.delete()

    operation = run_operation(Operation.objects.get())

    assert operation.state == "failed"
    assert "not on its Comet Server any more" in operation.items.get().error


def test_a_user_is_placed_from_his_own_page_and_taken_back(provider, customer, board):
    profile = populate(board, "maria", 1)
    url = reverse("fleet:user-detail", args=[profile.pk])
    confirm = reverse("placing:placement-confirm")
    client = provider.client()
    assertContains(client.get(url), "Place elsewhere")

    asked = client.get(
        confirm, {"kind": "users", "selected": profile.pk, "how": "tenant", "tenant": customer.tenant.pk}
    )
    assert (asked.context["preview"].users, asked.context["preview"].jobs) == (1, 1)
    client.post(reverse("placing:placement-place"), {"plan": asked.context["plan"]})
    assertContains(client.get(url), "Placed by hand")
    assert customer.client().get(url).status_code == 200

    asked = client.get(confirm, {"kind": "users", "selected": profile.pk, "how": "back"})
    client.post(reverse("placing:placement-place"), {"plan": asked.context["plan"]})
    assertNotContains(client.get(url), "Placed by hand")
    assert customer.client().get(url).status_code == 404


def test_undo_brings_a_user_back_where_he_was(provider, customer, reseller, board):
    profile = populate(board, "maria", 3)
    first = place(provider, "users", (profile, customer.tenant)).change
    second = place(provider, "users", (profile, reseller.tenant)).change
    client = provider.client()

    client.post(reverse("placing:change-undo", args=[second.pk]))
    assert by_tenant(Job, customer.tenant) == 3
    client.post(reverse("placing:change-undo", args=[first.pk]))
    assert by_tenant(Job, provider.tenant) == 3
    assert kept() == list(counted_anew())


def test_a_user_of_another_tenants_server_is_not_to_be_placed(reseller, board):
    """Also not by who manages the tenant it is placed with."""
    organization = board.organization("His own", tenant=reseller.tenant, is_unmapped=False)
    device = DeviceFactory(profile=board.user("maria", organization.organization_id))
    page = reseller.client().get(reverse("fleet:user-detail", args=[device.profile.pk]))

    assertNotContains(page, "Place elsewhere")
    query = {"kind": "users", "selected": device.profile.pk}
    assert reseller.client().get(reverse("placing:placement-confirm"), query).status_code == 404


def test_running_jobs_go_along_and_count_nowhere(provider, customer, board):
    profile = populate(board, "maria", 0)
    JobFactory(device=profile.devices.get(), state=State.RUNNING, status=6001, ended_at=None)

    place(provider, "users", (profile, TenantFactory()))

    assert len(where(profile)) == 1
    assert kept() == list(counted_anew())
