"""People: who may sign in, and the role each holds in which Tenant."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Self, TypeVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from portal.core.access import PERMISSIONS, ROLES, Access
from portal.core.querysets import TenantQuerySet

HeldT = TypeVar("HeldT", bound=models.Model)


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


class OfOpenTenants(TenantQuerySet[HeldT]):
    """Rows of Tenants that are not in the trash, also for who sees every Tenant."""

    def visible_to(self, access: Access, permission: str) -> Self:
        return super().visible_to(access, permission).filter(tenant__is_trashed=False)


class CustomRole(models.Model):
    """A role that a Tenant made for itself; it can be held in that Tenant and below."""

    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="custom_roles")
    name = models.CharField(max_length=60)
    permissions = models.JSONField(default=list, help_text="Of the permission table, in its order.")
    version = models.PositiveIntegerField(default=1, help_text="Rises with each change.")
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)
    changed_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")

    objects = OfOpenTenants["CustomRole"].as_manager()
    tenant_path = "tenant"

    class Meta:
        constraints = [
            models.UniqueConstraint("tenant", Lower("name"), name="custom_role_name_once_per_tenant"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def granted(self) -> frozenset[str]:
        return known_permissions(self.permissions)


def known_permissions(names: Iterable[str]) -> frozenset[str]:
    """What a custom role grants of what it names: a permission that is no more grants nothing."""
    return frozenset(names).intersection(PERMISSIONS)


class RoleHeld(models.Model):
    """A built-in role, or one that a Tenant made for itself: exactly one of the two."""

    role = models.CharField(max_length=12, choices=Role, blank=True)

    class Meta:
        abstract = True

    custom_role: "models.ForeignKey[CustomRole | None, CustomRole | None]"
    custom_role_id: int | None

    @property
    def role_name(self) -> str:
        """What people call the role."""
        return self.custom_role.name if self.custom_role else Role(self.role).label

    @property
    def granted(self) -> frozenset[str]:
        """The permissions it holds."""
        return self.custom_role.granted if self.custom_role else ROLES[self.role]


def _one_role() -> models.Q:
    return models.Q(custom_role=None, role__gt="") | models.Q(custom_role__isnull=False, role="")


class Membership(RoleHeld):
    """A role held in a Tenant; it reaches that Tenant's whole subtree but for its Exclusions."""

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="memberships")
    custom_role = models.ForeignKey(CustomRole, models.RESTRICT, null=True, related_name="memberships")
    granted_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OfOpenTenants["Membership"].as_manager()
    tenant_path = "tenant"

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "tenant", "role"],
                condition=models.Q(custom_role=None),
                name="membership_once",
            ),
            models.UniqueConstraint(
                fields=["user", "tenant", "custom_role"],
                condition=models.Q(custom_role__isnull=False),
                name="membership_custom_once",
            ),
            models.CheckConstraint(condition=_one_role(), name="membership_one_role"),
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.role_name} of {self.tenant}"


class Exclusion(models.Model):
    """A subtree that one Membership does not reach: "all customers except ..."."""

    membership = models.ForeignKey(Membership, models.CASCADE, related_name="exclusions")
    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["membership", "tenant"], name="exclusion_once"),
        ]

    def __str__(self) -> str:
        return f"not {self.tenant}"


class Invitation(RoleHeld):
    """A link that lets one person in with a role. Only a digest of its token is stored."""

    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="invitations")
    custom_role = models.ForeignKey(CustomRole, models.CASCADE, null=True, related_name="invitations")
    email = models.EmailField(blank=True, help_text="Empty: whoever opens the link states it.")
    token_digest = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    accepted_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")

    objects = OfOpenTenants["Invitation"].as_manager()
    tenant_path = "tenant"

    class Meta:
        constraints = [models.CheckConstraint(condition=_one_role(), name="invitation_one_role")]

    def __str__(self) -> str:
        return f"Invitation to {self.tenant} as {self.role_name}"


class SecondFactorRule(models.Model):
    """Who holds this role in the Tenant, or anywhere below it, signs in with a second factor."""

    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="second_factor_rules")
    role = models.CharField(
        max_length=12, choices=Role, blank=True, help_text="Empty: every role, or the custom one."
    )
    custom_role = models.ForeignKey(CustomRole, models.CASCADE, null=True, related_name="second_factor_rules")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    set_from = models.ForeignKey(
        "tenants.Tenant",
        models.SET_NULL,
        null=True,
        related_name="+",
        help_text="The topmost tenant where who set it gives roles: it is taken back from there."
        " Empty: its own.",
    )

    objects = TenantQuerySet["SecondFactorRule"].as_manager()
    tenant_path = "tenant"

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "role"],
                condition=models.Q(custom_role=None),
                name="second_factor_rule_once",
            ),
            models.UniqueConstraint(
                fields=["tenant", "custom_role"],
                condition=models.Q(custom_role__isnull=False),
                name="second_factor_custom_once",
            ),
            models.CheckConstraint(
                condition=models.Q(custom_role=None) | models.Q(role=""), name="second_factor_one_role"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.who} of {self.tenant}"

    @property
    def held_by_id(self) -> int:
        """The Tenant from where it is taken back; the parent's, where that is no longer above."""
        tenant = self.tenant
        if self.set_from_id is None or self.set_from_id in (*tenant.ids_above, tenant.pk):
            return self.set_from_id or tenant.pk
        return tenant.parent_id or tenant.pk

    @property
    def who(self) -> str:
        """Whom it is for."""
        if self.custom_role:
            return self.custom_role.name
        return Role(self.role).label if self.role else "Everybody"


class ApiToken(models.Model):
    """What a script shows to be let in: a person's, or (without owner) a Tenant's. Only a digest is stored.

    A person's may be restricted to one Tenant's subtree; a Tenant's reaches that subtree.
    """

    name = models.CharField(max_length=80)
    token_digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=4, help_text="Its last characters, to tell it by.")
    owner = models.ForeignKey(User, models.CASCADE, null=True, related_name="api_tokens")
    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, null=True, related_name="api_tokens")
    permissions = models.JSONField(default=list, help_text="Its scope, in the order of the permission table.")
    made_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    last_used_ip = models.GenericIPAddressField(null=True)
    networks = models.JSONField(default=list, help_text="Where it was used from, the latest new one last.")

    objects = models.Manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(owner__isnull=False) | models.Q(tenant__isnull=False),
                name="api_token_is_somebodys",
            ),
        ]
        indexes = [models.Index(fields=["expires_at", "id"], name="api_token_by_end")]

    def __str__(self) -> str:
        return self.name

    @property
    def scope(self) -> frozenset[str]:
        return known_permissions(self.permissions)

    @property
    def ended_at(self) -> datetime | None:
        """When it was revoked or expired; None while it can be used."""
        expired_at = self.expires_at if self.expires_at <= timezone.now() else None
        return min((at for at in (self.revoked_at, expired_at) if at), default=None)


class Limit(models.Model):
    """A row of the cache that counts sign-in attempts; Django's database cache reads and writes it."""

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.cache_key
