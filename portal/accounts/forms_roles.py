"""Forms about roles: given, taken apart by exclusions, made, and looked through."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from django import forms

from portal.accounts.forms import RoleField, check_role_belongs
from portal.accounts.grants import RoleChoice, lacking
from portal.accounts.models import CustomRole, Membership
from portal.accounts.roles import RoleText
from portal.core.access import PERMISSIONS, Access
from portal.core.names import NameField
from portal.tenants.models import Tenant

NOUNS: Final = {
    "server": "Comet Servers",
    "user": "Users",
    "device": "Devices",
    "job": "Jobs",
    "backup": "Backups",
    "activity": "Activity",
    "operation": "Operations",
    "sso": "Opening Comet",
    "tenant": "Tenants",
    "person": "People",
    "token": "API tokens",
    "audit": "Audit",
}
"""How permissions are grouped. One that is not here is headed by its noun."""


@dataclass(frozen=True)
class PermissionLine:
    """One permission in the editor of a role."""

    name: str
    meaning: str
    is_chosen: bool
    why_not: str
    """Why the editor cannot choose it; empty where he can."""


PermissionGroups = list[tuple[str, list[PermissionLine]]]


def permission_groups(
    chosen: Collection[str], *, missing: Collection[str], greyed: str, among: Collection[str] = PERMISSIONS
) -> PermissionGroups:
    """The permissions of `among`, by noun; those in `missing` cannot be chosen, because of `greyed`."""
    groups: dict[str, list[PermissionLine]] = {}
    for name, meaning in PERMISSIONS.items():
        if name in among:
            noun = name.partition(":")[0]
            line = PermissionLine(name, meaning, name in chosen, greyed if name in missing else "")
            groups.setdefault(NOUNS.get(noun, noun.capitalize()), []).append(line)
    return list(groups.items())


class TenantChoice(forms.ModelChoiceField):
    """A Tenant where the caller gives roles."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Tenant.objects.none(), empty_label=None, **kwargs)

    def offer(self, access: Access, permission: str = "person:manage") -> None:
        self.queryset = Tenant.objects.visible_to(access, permission).order_by("path")


class ExceptField(forms.ModelMultipleChoiceField):
    """Tenants whose subtrees a role does not reach."""

    widget = forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"})

    def __init__(self) -> None:
        super().__init__(
            Tenant.objects.none(),
            required=False,
            label="Except",
            help_text="The role does not reach these tenants, nor what is below them.",
        )


class GiveRoleForm(forms.Form):
    """A role for somebody who has a sign-in."""

    tenant = TenantChoice(help_text="The role reaches everything below it, too.")
    role = RoleField(initial="viewer")
    excluded = ExceptField()

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: Any = self.fields
        fields["tenant"].offer(access)
        fields["role"].offer(access)
        below = Tenant.objects.visible_to(access, "person:manage").exclude(parent=None)
        fields["excluded"].queryset = below.order_by("path")

    def clean(self) -> dict[str, Any]:
        super().clean()
        check_role_belongs(self)
        tenant = self.cleaned_data.get("tenant")
        for one in self.cleaned_data.get("excluded", ()):
            if tenant and (one == tenant or not one.path.startswith(tenant.path)):
                self.add_error("excluded", f"{one} is not below {tenant}, so there is nothing to leave out.")
        return self.cleaned_data


class ExceptForm(forms.Form):
    """What one Membership leaves out. What the caller does not see of it stays as it is.

    `seen` are the ids of what it left out when the form was opened: they tell two editors apart.
    """

    excluded = ExceptField()
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self, data: Any = None, *, access: Access, membership: Membership, now: Collection[Tenant]
    ) -> None:
        self.unseen = [
            one for one in now if one.is_trashed or not access.allows("person:manage", tenant_id=one.pk)
        ]
        self.in_sight = [one for one in now if one not in self.unseen]
        seen = " ".join(str(one.pk) for one in self.in_sight)
        super().__init__(data, initial={"excluded": self.in_sight, "seen": seen})
        below = membership.tenant.subtree().exclude(pk=membership.tenant_id)
        offered = below.visible_to(access, "person:manage").order_by("path")
        fields: Any = self.fields
        fields["excluded"].queryset = offered

    def chosen(self) -> list[Tenant]:
        return [*self.cleaned_data["excluded"], *self.unseen]

    def seen_ids(self) -> set[int]:
        """What the role left out when the form was opened, and what is out of sight."""
        return self._seen() | {one.pk for one in self.unseen}

    def changes_since(self) -> list[str]:
        """What somebody else changed since the form was opened, in sentences."""
        field: Any = self.fields["excluded"]
        gone = self._seen() - {one.pk for one in self.in_sight}
        return [
            *(f"{one} is left out now." for one in self.in_sight if one.pk not in self._seen()),
            *(f"{one} is no longer left out." for one in field.queryset if one.pk in gone),
        ]

    def _seen(self) -> set[int]:
        return {int(part) for part in self.data.get("seen", "").split() if part.isascii() and part.isdigit()}


class CustomRoleForm(forms.Form):
    """A Tenant's own role. `version` and what was seen of it tell two editors apart."""

    name = NameField(max_length=60, help_text="What people call it, such as “Night shift”.")
    permissions = forms.MultipleChoiceField(choices=list(PERMISSIONS.items()), required=False)
    version = forms.IntegerField(min_value=0, max_value=2**31 - 1, initial=0, widget=forms.HiddenInput)
    seen_name = forms.CharField(required=False, max_length=60, widget=forms.HiddenInput)
    seen_permissions = forms.CharField(required=False, max_length=4000, widget=forms.HiddenInput)

    def __init__(self, *args: Any, access: Access, tenant: Tenant, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.missing = frozenset(lacking(access, PERMISSIONS, tenant=tenant))
        self.tenant = tenant

    @classmethod
    def initial_of(cls, role: CustomRole) -> dict[str, Any]:
        text = RoleText.of(role)
        return {
            "name": text.name,
            "permissions": text.permissions,
            "version": role.version,
            "seen_name": text.name,
            "seen_permissions": " ".join(text.permissions),
        }

    def clean_permissions(self) -> list[str]:
        chosen: list[str] = self.cleaned_data["permissions"]
        if not chosen:
            raise forms.ValidationError("Choose at least one permission: a role without any does nothing.")
        return chosen

    def seen(self) -> RoleText:
        """The role as it stood when the editor opened it."""
        seen = self.cleaned_data["seen_permissions"].split()
        return RoleText(self.cleaned_data["seen_name"], [name for name in PERMISSIONS if name in seen])

    @property
    def greyed(self) -> str:
        """Why some permissions cannot be chosen."""
        return f"You do not hold this in all of {self.tenant}, so you cannot put it into a role."

    def groups(self) -> PermissionGroups:
        """Every permission, by noun."""
        return permission_groups(self["permissions"].value() or [], missing=self.missing, greyed=self.greyed)


class RoleTenantForm(forms.Form):
    """Whose role it will be."""

    tenant = TenantChoice(label="Made by", help_text="It can be held in this tenant and below.")

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: Any = self.fields
        fields["tenant"].offer(access)


class ViewAsForm(forms.Form):
    """A role in a Tenant to look at the portal as."""

    role = RoleField(initial="viewer")
    tenant = TenantChoice()

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: Any = self.fields
        fields["tenant"].offer(access, "person:view-as")
        fields["role"].offer(access, "person:view-as")

    def clean(self) -> dict[str, Any]:
        super().clean()
        check_role_belongs(self)
        return self.cleaned_data

    @property
    def choice(self) -> RoleChoice:
        choice: RoleChoice = self.cleaned_data["role"]
        return choice
