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


def test_any_of_takes_ids_of_related_rows():
    one, other = PlacementFactory(), PlacementFactory()

    assert Placement.objects.get(tenant__any_of={one.tenant_id, 2**40}) == one
    assert Placement.objects.get(server_id__any_of=[other.server_id]) == other
    assert not Placement.objects.filter(pk__any_of=set()).exists()
