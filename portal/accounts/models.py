"""People: who may sign in, and the role each holds in which Tenant."""

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models

from portal.core.access import ROLES
from portal.core.querysets import TenantQuerySet


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save()
        return user


class User(AbstractBaseUser):
    """A portal login. What it may do follows from its Memberships alone."""

    class Theme(models.TextChoices):
        SYSTEM = "system", "As the system"
        LIGHT = "light", "Light"
        DARK = "dark", "Dark"

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120)
    time_zone = models.CharField(max_length=64, blank=True, help_text="Empty: the browser's own.")
    theme = models.CharField(max_length=10, choices=Theme, default=Theme.SYSTEM)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(auto_now_add=True)

    objects = UserManager()
    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    def __str__(self) -> str:
        return self.name or self.email


def user_display(user: User) -> str:
    """How allauth names a person."""
    return str(user)


class Role(models.TextChoices):
    OWNER = "owner", "Owner"
    ADMIN = "admin", "Administrator"
    TECHNICIAN = "technician", "Technician"
    BILLING = "billing", "Billing"
    VIEWER = "viewer", "Viewer"
    CUSTOMER = "customer", "Customer"


assert set(Role.values) == set(ROLES), "every role has a line in the permission table"  # noqa: S101


class Membership(models.Model):
    """A role held in a Tenant; it reaches that Tenant's whole subtree."""

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=12, choices=Role)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet["Membership"].as_manager()
    tenant_path = "tenant"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "tenant", "role"], name="membership_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.get_role_display()} of {self.tenant}"


class Invitation(models.Model):
    """A link that lets one person in with a role. Only a digest of its token is stored."""

    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=12, choices=Role)
    email = models.EmailField(blank=True, help_text="Empty: whoever opens the link states it.")
    token_digest = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    accepted_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")

    objects = TenantQuerySet["Invitation"].as_manager()
    tenant_path = "tenant"

    def __str__(self) -> str:
        return f"Invitation to {self.tenant} as {self.get_role_display()}"
