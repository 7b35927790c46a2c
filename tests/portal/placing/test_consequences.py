"""What rested on a placement ends with it."""

import time

import pytest

from portal.jobs.services import cancel_job
from portal.operations.runner import run
from portal.servers.placements import ensure_placements
from portal.sso.models import Launch
from tests.cast import person
from tests.factories import (
    DeviceFactory,
    JobFactory,
    LaunchFactory,
    OrganizationFactory,
    ProtectedItemFactory,
    TenantFactory,
)
from tests.portal.live.conftest import live_portal  # noqa: F401  (fixture)
from tests.portal.placing.conftest import place

pytestmark = pytest.mark.django_db
Kind = Launch.Kind


@pytest.fixture
def placed(board, reseller):
    """An organization of the reseller with one user."""
    organization = OrganizationFactory(server=board.server)
    key = organization.organization_id
    placement = ensure_placements(board.server, [key]).of_organization(key)
    placement.tenant, placement.is_unmapped = reseller.tenant, False
    placement.save()
    profile = board.user("maria", key)
    return organization, placement, profile


def opened(person, kind, **of):
    return LaunchFactory(user=person.user, tenant=person.tenant, kind=kind, state=Launch.State.OPEN, **of)


def test_windows_into_comet_end_for_who_lost_the_tenant_alone(provider, reseller, outsider, board, placed):
    organization, placement, profile = placed
    server = board.server
    gone = [
        opened(reseller, Kind.END_USER, server=server, profile=profile),
        opened(reseller, Kind.TENANT_ADMIN, server=server, organization=organization),
    ]
    stay = [
        opened(provider, Kind.END_USER, server=server, profile=profile),
        opened(provider, Kind.SERVER_ADMIN, server=server),
        opened(reseller, Kind.END_USER, server=server, profile=board.user("otto")),
    ]

    place(provider, "organizations", (placement, outsider.tenant))

    assert {launch.pk for launch in Launch.objects.filter(state=Launch.State.ENDING)} == {
        launch.pk for launch in gone
    }
    assert Launch.objects.filter(ended_because="placed elsewhere").count() == 2
    stay[0].refresh_from_db()
    assert stay[0].tenant == outsider.tenant


def test_a_user_placed_by_hand_ends_windows_too(provider, reseller, outsider, board, placed):
    _, _, profile = placed
    launch = opened(reseller, Kind.END_USER, server=board.server, profile=profile)

    place(provider, "users", (profile, outsider.tenant))

    launch.refresh_from_db()
    assert launch.state == Launch.State.ENDING


def test_what_an_operation_has_not_begun_is_refused(provider, reseller, outsider, board, placed):
    _, placement, profile = placed
    item = ProtectedItemFactory(device=DeviceFactory(profile=profile))
    job = JobFactory(device=item.device, state="running", status=6001, ended_at=None)
    technician = person(reseller.tenant, "technician")
    operation = cancel_job(job, user=technician.user)
    place(provider, "organizations", (placement, outsider.tenant))

    waiting = operation.items.get()
    run(waiting.pk)

    waiting.refresh_from_db()
    assert waiting.state == "failed"
    assert "belongs to another tenant by now" in waiting.error


@pytest.mark.django_db(transaction=True)
def test_open_lists_of_both_tenants_ask_anew_and_no_others(
    live_portal,  # noqa: F811
    provider,
    reseller,
    outsider,
    placed,
):
    _, placement, _ = placed
    third = person(TenantFactory(), "viewer")
    with (
        live_portal.joined(reseller, "devices") as lost,
        live_portal.joined(outsider, "devices") as gained,
        live_portal.joined(third, "devices") as other,
    ):
        place(provider, "organizations", (placement, outsider.tenant))

        assert lost.frame_with("placements").marks["placements"] == [reseller.tenant.pk]
        assert gained.frame_with("placements").marks["placements"] == [outsider.tenant.pk]
        assert "placements" not in other.all_frames()


@pytest.mark.django_db(transaction=True)
def test_an_open_page_closes_at_once_for_who_lost_it(
    live_portal,  # noqa: F811
    provider,
    reseller,
    outsider,
    board,
    placed,
):
    _, placement, profile = placed
    topic = f"device:{DeviceFactory(profile=profile).pk}"
    with live_portal.joined(reseller, topic) as lost, live_portal.joined(provider, topic) as kept:
        began = time.monotonic()
        place(provider, "organizations", (placement, outsider.tenant))

        assert lost.close_code() == 4403
        assert time.monotonic() - began < 2
        assert "4403" not in kept.all_frames()
