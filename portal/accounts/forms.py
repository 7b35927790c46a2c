"""Forms about people."""

import zoneinfo
from typing import Any, Final

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from portal.accounts.grants import RoleChoice, usable_roles
from portal.accounts.models import Role, User
from portal.core.access import Access
from portal.core.fields import PlainTextField
from portal.tenants.models import Tenant

EVERYBODY: Final = "everybody"


class RoleField(forms.ChoiceField):
    """One of the roles that the caller may know of; gives a RoleChoice."""

    def offer(self, access: Access, permission: str = "person:manage") -> None:
        """Offer the roles that can be held where the caller has `permission`."""
        self.offered = {choice.value: choice for choice in usable_roles(access, permission)}
        built_in = [(choice.value, choice.name) for choice in self.offered.values() if not choice.custom]
        made: dict[str, list[tuple[str, str]]] = {}
        for choice in self.offered.values():
            if choice.custom:
                is_known = choice.custom.tenant_id in access.reach()
                by = f"Made by {choice.custom.tenant}" if is_known else "Made above"
                made.setdefault(by, []).append((choice.value, choice.name))
        self.choices = [("Built in", built_in), *made.items()] if made else built_in

    def clean(self, value: Any) -> RoleChoice:
        return self.offered[super().clean(value)]


def check_role_belongs(form: forms.Form) -> None:
    """A role that a Tenant made can be held in that Tenant and below only: say so at its field."""
    role, tenant = form.cleaned_data.get("role"), form.cleaned_data.get("tenant")
    if role and tenant and not role.belongs_to(tenant):
        form.add_error("role", f"This role cannot be held in {tenant}.")


class InviteForm(forms.Form):
    """Whom to invite, where, as what."""

    email = forms.EmailField(
        max_length=254, help_text="The link works for this address only. It is shown to you as well."
    )
    tenant = forms.ModelChoiceField(
        Tenant.objects.none(), empty_label=None, help_text="The role reaches everything below it, too."
    )
    role = RoleField(initial=Role.VIEWER)

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tenant = self.fields["tenant"]
        assert isinstance(tenant, forms.ModelChoiceField)  # noqa: S101  (for the type checker)
        tenant.queryset = Tenant.objects.visible_to(access, "person:manage").order_by("path")
        role = self.fields["role"]
        assert isinstance(role, RoleField)  # noqa: S101  (for the type checker)
        role.offer(access)

    def clean(self) -> dict[str, Any]:
        super().clean()
        check_role_belongs(self)
        return self.cleaned_data

    def clean_email(self) -> str:
        """Lower case. Whether the address has a sign-in is not told: it may be another tenant's."""
        return str(self.cleaned_data["email"]).lower()


class AcceptForm(forms.Form):
    """What a new person tells of himself."""

    email = forms.EmailField(
        max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True})
    )
    name = PlainTextField(max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    password = forms.CharField(
        max_length=256,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 12 characters. A few unrelated words do well.",
    )

    def __init__(self, *args: Any, fixed_email: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fixed_email = fixed_email
        if fixed_email:
            del self.fields["email"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        password = data.get("password")
        if password:
            try:
                validate_password(
                    password, User(email=self.fixed_email or data.get("email", ""), name=data.get("name", ""))
                )
            except ValidationError as error:
                self.add_error("password", error)
        return data


class SettingsForm(forms.ModelForm):
    """A person's own name, time zone and theme."""

    name = PlainTextField(max_length=120)
    time_zone = forms.ChoiceField(required=False)

    class Meta:
        model = User
        fields = ["name", "time_zone", "theme"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zones = sorted(zone for zone in zoneinfo.available_timezones() if "/" in zone or zone == "UTC")
        field = self.fields["time_zone"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  (for the type checker)
        field.choices = [("", "The browser's own"), *((zone, zone.replace("_", " ")) for zone in zones)]


class SecondFactorRuleForm(forms.Form):
    """Whom to ask for a second factor, where."""

    tenant = forms.ModelChoiceField(
        Tenant.objects.none(), empty_label=None, help_text="And everything below it."
    )
    role = RoleField(label="Who")

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tenant = self.fields["tenant"]
        assert isinstance(tenant, forms.ModelChoiceField)  # noqa: S101  (for the type checker)
        tenant.queryset = Tenant.objects.visible_to(access, "person:manage").order_by("path")
        who: Any = self.fields["role"]
        who.offer(access)
        who.offered[EVERYBODY] = RoleChoice()
        who.choices = [(EVERYBODY, "Everybody"), *who.choices]

    def clean(self) -> dict[str, Any]:
        super().clean()
        check_role_belongs(self)
        return self.cleaned_data


class PersonFilterForm(forms.Form):
    q = forms.CharField(required=False, max_length=100, label="Search")
    role = forms.ChoiceField(required=False, choices=[("", "Any role"), *Role.choices])
    without_factor = forms.BooleanField(required=False, label="Without a second factor")
