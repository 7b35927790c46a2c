"""Both halves of what was done, and nothing secret in them."""

import pytest
from django.core.exceptions import PermissionDenied

import comet
from portal.audit import services as audit
from portal.audit.models import Entry
from tests.factories import TenantFactory, UserFactory

pytestmark = pytest.mark.django_db


def halves() -> tuple[Entry, Entry]:
    begun, ended = Entry.objects.order_by("pk")
    return begun, ended


def test_an_action_is_recorded_before_and_after():
    user, tenant = UserFactory(name="Ada", email="ada@example.com"), TenantFactory()

    with audit.record(
        "server.link", actor=user, tenant_id=tenant.pk, ip="192.0.2.7", details={"name": "fr-1"}
    ) as action:
        assert Entry.objects.get().phase == Entry.Phase.BEGUN
        action.target = tenant
        action.details["version"] = "25.9"

    begun, ended = halves()
    assert (begun.actor, begun.actor_label, begun.ip_address) == (user, "Ada <ada@example.com>", "192.0.2.7")
    assert begun.details == {"name": "fr-1"}
    assert (ended.begun, ended.outcome, ended.object_label) == (begun, "done", str(tenant))
    assert ended.details == {"version": "25.9"}
    assert ended.duration_ms is not None


@pytest.mark.parametrize(
    ("error", "outcome", "said"),
    [
        (PermissionDenied("server:link"), "refused", "server:link"),
        (comet.Timeout("no answer", server="http://fr-1"), "failed", "http://fr-1: no answer"),
        (RuntimeError("password=hunter2"), "failed", "RuntimeError"),
    ],
)
def test_an_exception_passes_and_leaves_how_it_ended(error, outcome, said):
    with pytest.raises(type(error)), audit.record("server.link", actor=None, tenant_id=None):
        raise error

    begun, ended = halves()
    assert begun.actor_label == "Perihelion"
    assert (ended.outcome, ended.details["error"]) == (outcome, said)


def test_a_refusal_without_exception_is_told_with_its_reason():
    with audit.record("sso.launch", actor=None, tenant_id=None) as action:
        action.refuse("Pop-up blocked")

    _, ended = halves()
    assert (ended.outcome, ended.details) == ("refused", {"reason": "Pop-up blocked"})


def test_work_that_ends_later_is_ended_by_its_begun_entry():
    tenant = TenantFactory()
    begun = audit.begin("backup.run", actor=None, tenant_id=tenant.pk, target=tenant)

    ended = audit.end(begun, Entry.Outcome.CANCELLED)

    assert (ended.begun, ended.tenant, ended.object_id) == (begun, tenant, str(tenant.pk))
    assert ended.duration_ms >= 0
