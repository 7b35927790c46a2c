"""Forms of the tenant tree."""

from typing import Any

from django import forms

from portal.core.access import Access
from portal.core.names import NameField
from portal.tenants.models import Tenant


class TenantForm(forms.Form):
    """A new Tenant: its parent must be one the caller manages."""

    name = NameField(max_length=120, help_text="As its people know it.")
    kind = forms.ChoiceField(
        choices=[(kind.value, kind.label) for kind in (Tenant.Kind.CUSTOMER, Tenant.Kind.RESELLER)],
        help_text="A reseller has customers of its own below it; a customer has devices.",
    )
    parent = forms.ModelChoiceField(
        Tenant.objects.none(), empty_label=None, label="Below", help_text="Who looks after it."
    )

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        parents = Tenant.objects.visible_to(access, "tenant:manage").order_by("path")
        field = self.fields["parent"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101  (for the type checker)
        field.queryset = parents


class TenantNameForm(forms.Form):
    name = NameField(max_length=120)


class TenantSearchForm(forms.Form):
    q = forms.CharField(required=False, max_length=100, label="Search", strip=True)
