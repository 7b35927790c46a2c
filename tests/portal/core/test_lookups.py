import pytest

from portal.servers.models import Placement
from tests.factories import PlacementFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "values", [[], ["a"], ["a", "c'\"%s"], [f"n{n}" for n in range(40_000)] + ["c'\"%s"]]
)
def test_any_of_finds_what_in_finds_however_many_there_are(values):
    for name in ("a", "b", "c'\"%s"):
        PlacementFactory(organization_id=name)

    found = Placement.objects.filter(organization_id__any_of=values)

    assert set(found.values_list("organization_id", flat=True)) == {"a", "b", "c'\"%s"} & set(values)


@pytest.mark.parametrize(
    "name", ["NULL", "{a,b}", "a,b", " a ", "", "'", "%s", "ü", "a\\b", "tab\there", '"']
)
def test_any_of_takes_a_value_for_nothing_but_itself(name):
    for organization_id in {name, "a", "b", "null", "other"}:
        PlacementFactory(organization_id=organization_id)

    found = Placement.objects.filter(organization_id__any_of=[name, "x"])

    assert [placement.organization_id for placement in found] == [name]


def test_any_of_takes_ids_of_related_rows():
    one, other = PlacementFactory(), PlacementFactory()

    assert Placement.objects.get(tenant__any_of={one.tenant_id, 2**40}) == one
    assert Placement.objects.get(server_id__any_of=[other.server_id]) == other
    assert not Placement.objects.filter(pk__any_of=set()).exists()
