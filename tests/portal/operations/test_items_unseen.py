"""An Operation over several tenants shows each reader the items of his own."""

import pytest
from django.urls import reverse

from tests.cast import person
from tests.factories import ExclusionFactory, OperationFactory, OperationItemFactory

pytestmark = pytest.mark.django_db


def test_items_of_a_tenant_one_is_kept_out_of_are_neither_named_nor_counted(provider, reseller, outsider):
    part = person(provider.tenant, "viewer")
    ExclusionFactory(membership=part.user.memberships.get(), tenant=outsider.tenant)
    operation = OperationFactory(tenant=provider.tenant, title="Back up 2 devices", items_total=2)
    for who, label in ((reseller, "RECEPTION"), (outsider, "SECRET-LAB")):
        OperationItemFactory(operation=operation, tenant=who.tenant, label=label)
    url = reverse("operations:operation-detail", args=[operation.pk])
    page = part.client().get(url)
    assert "RECEPTION" in page.content.decode()
    assert "SECRET-LAB" not in page.content.decode()
    assert [count for _, _, count in page.context["counts"]] == [1]
    assert "SECRET-LAB" in provider.client().get(url).content.decode()
