"""Both halves of what was done, and nothing secret in them."""

import pytest
from django.core.exceptions import PermissionDenied

import comet
from portal.audit import services as audit
from portal.audit.changes import changes, snapshot
from portal.audit.models import Entry
from portal.core.encryption import MASK, Secret
from tests.factories import CometServerFactory, TenantFactory, UserFactory

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


def test_what_a_comet_server_answered_is_told_to_its_owner_alone():
    with (
        pytest.raises(comet.Timeout),
        audit.record("sso.admin.make", actor=None, tenant_id=2, owner_tenant_id=1),
    ):
        raise comet.Timeout("no answer", server="http://fr-1")

    _, ended = halves()
    assert ended.details == {"error": "The Comet Server did not do it"}
    assert (ended.owner_tenant_id, ended.owner_details) == (1, {"error": "http://fr-1: no answer"})


def test_what_changed_is_told_value_by_value_and_a_secret_only_as_changed():
    tenant = TenantFactory(name="Old")
    server = CometServerFactory(password="first")
    before = snapshot(tenant, "name", "kind") | snapshot(server, "password")
    tenant.name, server.password = "New", Secret.seal("second")

    told = changes(before, snapshot(tenant, "name", "kind") | snapshot(server, "password"))

    assert told == {
        "changes": [
            {"field": "name", "before": "Old", "after": "New"},
            {"field": "password", "before": MASK, "after": MASK},
        ]
    }
    assert changes(before, before) == {}
