"""What the list of Operations can be narrowed to."""

import django_filters

from portal.core.lists import SEARCH_LENGTH, ListFilters, SearchFilter
from portal.operations.models import Operation


class OperationFilters(ListFilters):
    q = SearchFilter(field_name="title", lookup_expr="icontains", placeholder="What was done")
    state = django_filters.ChoiceFilter(
        choices=Operation.State.choices, empty_label="Any state", label="State"
    )
    person = django_filters.CharFilter(
        field_name="started_by_label", lookup_expr="icontains", label="Started by", max_length=SEARCH_LENGTH
    )

    class Meta:
        model = Operation
        fields: list[str] = []
