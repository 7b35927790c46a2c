"""Forms of the tenant tree."""

from typing import Any

from django import forms

from portal.core.access import Access
from portal.core.names import NameField
from portal.tenants.models import Tenant
from portal.tenants.outline import outline_for
from portal.tenants.services import LEVELS_BELOW


class ParentField(forms.ModelChoiceField):
    """A Tenant that the caller manages, by the names from the top down."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Tenant.objects.none(), empty_label=None, **kwargs)

    def offer(self, access: Access, *, but: Tenant | None = None) -> None:
        """Offer what the caller manages; with `but`, only where that one could stand."""
        outline = outline_for(access, "tenant:manage")
        nodes = list(outline)
        if but is not None:
            below = {node.id for node in outline.under(but.pk)} if outline.get(but.pk) else {but.pk}
            kinds = {kind for kind, allowed in LEVELS_BELOW.items() if but.kind in allowed}
            nodes = [
                node
                for node in nodes
                if node.id not in below and node.kind in kinds and node.id != but.parent_id
            ]
        self.queryset = Tenant.objects.visible_to(access, "tenant:manage")
        self.choices = [(node.id, node.path) for node in nodes]


class TenantForm(forms.Form):
    """A new Tenant: its parent must be one the caller manages."""

    name = NameField(max_length=120, help_text="As its people know it.")
    kind = forms.ChoiceField(
        choices=[(kind.value, kind.label) for kind in (Tenant.Kind.CUSTOMER, Tenant.Kind.RESELLER)],
        help_text="A reseller has customers of its own below it; a customer has devices.",
    )
    parent = ParentField(label="Below", help_text="Who looks after it.")

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["parent"]
        assert isinstance(field, ParentField)  # noqa: S101  (for the type checker)
        field.offer(access)


class MoveForm(forms.Form):
    """Where a Tenant goes."""

    parent = ParentField(label="Move it below", help_text="Everything below it moves along.")

    def __init__(self, *args: Any, access: Access, tenant: Tenant, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["parent"]
        assert isinstance(field, ParentField)  # noqa: S101  (for the type checker)
        field.offer(access, but=tenant)

    @property
    def has_choices(self) -> bool:
        field = self.fields["parent"]
        assert isinstance(field, ParentField)  # noqa: S101  (for the type checker)
        return bool(field.choices)


class TenantNameForm(forms.Form):
    name = NameField(max_length=120)


class TenantSearchForm(forms.Form):
    q = forms.CharField(
        required=False,
        max_length=100,
        label="Search",
        strip=True,
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": "Part of a name", "autocomplete": "off"}
        ),
    )


class CometUsersForm(forms.Form):
    """Whether the users on Comet Servers are meant, too."""

    comet_users = forms.BooleanField(required=False)

    def __init__(self, *args: Any, verb: str, count: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        users = f"its {count:,} users" if count > 1 else "its one user"
        field = self.fields["comet_users"]
        field.label = f"Also {verb} {users} on the Comet Servers"
        field.help_text = (
            "They can neither sign in there nor back up until they are resumed. Nothing they have is deleted."
            if verb == "suspend"
            else "Those that were suspended with the tenant. Who was suspended before stays so."
        )


class ConfirmNameForm(forms.Form):
    """The name of what goes, typed."""

    confirm_name = forms.CharField(
        max_length=120,
        strip=True,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, name: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._name = name
        self.fields["confirm_name"].label = f"Type {name} to confirm"

    def clean_confirm_name(self) -> str:
        typed: str = self.cleaned_data["confirm_name"]
        if typed != self._name:
            raise forms.ValidationError(f"That is not its name. Type {self._name} exactly.")
        return typed
