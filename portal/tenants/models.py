"""Tenants: one provider, resellers below it, customers below them."""

from django.db import models

from portal.core.querysets import TenantQuerySet


class Tenant(models.Model):
    """One node of the tenant tree. `path` holds the ids from the root down: `/1/5/9/`."""

    class Kind(models.TextChoices):
        PROVIDER = "provider", "Provider"
        RESELLER = "reseller", "Reseller"
        CUSTOMER = "customer", "Customer"

    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children")
    kind = models.CharField(max_length=10, choices=Kind)
    name = models.CharField(max_length=120)
    path = models.CharField(max_length=255, editable=False, db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet["Tenant"].as_manager()
    tenant_path = "pk"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["parent", "name"], name="tenant_name_once_per_parent"),
            models.CheckConstraint(
                name="tenant_provider_is_root",
                condition=models.Q(kind="provider", parent=None) | ~models.Q(kind="provider"),
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

    def subtree(self) -> "TenantQuerySet[Tenant]":
        """This Tenant and everything below it."""
        return Tenant.objects.filter(path__startswith=self.path)
