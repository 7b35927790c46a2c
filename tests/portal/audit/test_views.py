"""The page of the audit."""

import pytest
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from portal.audit import services as audit
from portal.audit.models import Entry
from tests.factories import TenantFactory

URL = "audit:entry-list"


def done(tenant, label="Something", action="tenant.rename", outcome=Entry.Outcome.DONE, actor=None):
    return audit.note(
        action,
        outcome,
        actor=actor,
        tenant_id=tenant.pk if tenant else None,
        details={"name": label},
    )


def test_the_list_shows_each_action_once_with_its_outcome(reseller):
    done(reseller.tenant, "Alpha", outcome=Entry.Outcome.REFUSED)

    response = reseller.client().get(reverse(URL))

    assertContains(response, "Alpha", count=1)
    assertContains(response, "Renamed a tenant")
    assertContains(response, '<span class="state-word">Refused</span>')


def test_an_action_without_an_end_is_said_not_to_have_ended(reseller):
    audit.begin("server.link", actor=None, tenant_id=reseller.tenant.pk)

    assertContains(reseller.client().get(reverse(URL)), "Not ended yet")


def test_the_list_hides_other_tenants_and_the_portal_at_large(reseller, outsider):
    done(outsider.tenant, "Foreign")
    done(None, "Portal wide")

    response = reseller.client().get(reverse(URL))

    assertNotContains(response, "Foreign")
    assertNotContains(response, "Portal wide")


def test_the_provider_sees_all(provider, outsider):
    done(outsider.tenant, "Foreign")
    done(None, "Portal wide")

    response = provider.client().get(reverse(URL))

    assertContains(response, "Foreign")
    assertContains(response, "Portal wide")


def test_a_customer_may_not_read_it(customer):
    assert customer.client().get(reverse(URL)).status_code == 403


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({"q": "alpha"}, {"Alpha"}),
        ({"person": "perihelion"}, {"Alpha", "Beta"}),
        ({"person": "nobody here"}, set()),
        ({"action": "server.link"}, {"Beta"}),
        ({"outcome": "failed"}, {"Beta"}),
        ({"outcome": "unknown"}, set()),
        ({"days": "1"}, {"Alpha", "Beta"}),
    ],
)
def test_filters_narrow_it(provider, query, shown):
    client = provider.client()
    tenant = TenantFactory()
    done(tenant, "Alpha")
    done(tenant, "Beta", action="server.link", outcome=Entry.Outcome.FAILED)

    response = client.get(reverse(URL), query, headers={"HX-Request": "true"})

    assert {name for name in ("Alpha", "Beta") if name in response.content.decode()} == shown


def test_a_filter_that_cannot_be_used_says_so_at_its_field(provider):
    response = provider.client().get(reverse(URL), {"action": "no.such.action"})

    assert response.status_code == 422
    assertContains(response, "Select a valid choice", status_code=422)


def test_rows_do_not_cost_queries(provider, django_assert_max_num_queries):
    client = provider.client()
    for _ in range(30):
        done(provider.tenant)

    with django_assert_max_num_queries(20):
        client.get(reverse(URL))


def test_an_object_known_only_at_the_end_is_named(reseller):
    with audit.record("tenant.create", actor=None, tenant_id=reseller.tenant.pk) as action:
        action.target = TenantFactory(name="Made just now")

    assertContains(reseller.client().get(reverse(URL)), "Made just now")
