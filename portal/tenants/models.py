"""Tenants: one provider, resellers below it, customers below them."""

from typing import Self

from django.db import models

from portal.core.access import Access
from portal.core.indexes import PrefixIndex
from portal.core.querysets import TenantQuerySet


class TreeQuerySet(TenantQuerySet["Tenant"]):
    """Tenants; those in the trash are seen by nobody, whatever is held."""

    def visible_to(self, access: Access, permission: str) -> Self:
        return super().visible_to(access, permission).filter(is_trashed=False)


class Tenant(models.Model):
    """One node of the tenant tree. `path` holds the ids from the root down: `/1/5/9/`.

    `path`, `is_suspended` and `is_trashed` follow from what stands above; `tree.settle` writes them.
    """

    class Kind(models.TextChoices):
        PROVIDER = "provider", "Provider"
        RESELLER = "reseller", "Reseller"
        CUSTOMER = "customer", "Customer"

    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children")
    kind = models.CharField(max_length=10, choices=Kind)
    name = models.CharField(max_length=120)
    path = models.TextField(editable=False, help_text="As long as the tree is deep.")
    suspended_at = models.DateTimeField(null=True, editable=False, help_text="Since when, by itself.")
    is_suspended = models.BooleanField(default=False, editable=False, help_text="It, or one above it.")
    trashed_at = models.DateTimeField(null=True, editable=False, help_text="Since when, by itself.")
    is_trashed = models.BooleanField(default=False, editable=False, help_text="It, or one above it.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TreeQuerySet.as_manager()
    tenant_path = "pk"

    class Meta:
        indexes = [PrefixIndex(fields=["path"], name="tenant_path")]
        constraints = [
            models.UniqueConstraint(
                fields=["parent", "name"],
                condition=models.Q(trashed_at=None),
                name="tenant_name_once_beside",
            ),
            models.UniqueConstraint(
                fields=["kind"], condition=models.Q(kind="provider"), name="tenant_one_provider"
            ),
            models.CheckConstraint(
                name="tenant_only_provider_is_root",
                condition=models.Q(kind="provider", parent=None)
                | (~models.Q(kind="provider") & models.Q(parent__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def tenant_id(self) -> int:
        return self.pk

    @property
    def depth(self) -> int:
        return self.path.count("/") - 2

    @property
    def ids_above(self) -> list[int]:
        """Ids of the Tenants above it, from the root down."""
        return [int(part) for part in self.path.strip("/").split("/")[:-1]]

    def subtree(self) -> TreeQuerySet:
        """This Tenant and everything below it."""
        return Tenant.objects.filter(path__startswith=self.path)
