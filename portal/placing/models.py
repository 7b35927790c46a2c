"""What people placed where, so that it can be looked up and taken back."""

from django.db import models

from portal.core.querysets import TenantQuerySet


class Change(models.Model):
    """One click on "Place": the Moves it made. Kept also where its tenants are gone."""

    made_at = models.DateTimeField(auto_now_add=True)
    made_by = models.ForeignKey("accounts.User", models.SET_NULL, null=True, related_name="+")
    made_by_label = models.CharField(max_length=255, help_text="The name and address held at the time.")
    taken_back = models.OneToOneField(
        "self", models.SET_NULL, null=True, related_name="takes_back", help_text="The Change that undid it."
    )

    class Meta:
        indexes = [models.Index(fields=["made_at", "id"], name="change_by_time")]

    def __str__(self) -> str:
        return f"Change {self.pk}"


class Move(models.Model):
    """One organization, or one User Profile, that was placed elsewhere."""

    change = models.ForeignKey(Change, models.CASCADE, related_name="moves")
    server = models.ForeignKey("servers.CometServer", models.CASCADE, related_name="+")
    organization_id = models.CharField(max_length=64, blank=True)
    username = models.CharField(max_length=255, blank=True, help_text="Empty: the whole organization.")
    label = models.CharField(max_length=255, help_text="What people call it.")
    tenant_before = models.ForeignKey("tenants.Tenant", models.SET_NULL, null=True, related_name="+")
    tenant_after = models.ForeignKey("tenants.Tenant", models.SET_NULL, null=True, related_name="+")
    was_unmapped = models.BooleanField(default=False)
    was_by_hand = models.BooleanField(default=False, help_text="A User Profile that was placed by hand.")
    is_by_hand = models.BooleanField(default=False, help_text="A User Profile that is placed by hand now.")

    objects = TenantQuerySet["Move"].as_manager()
    tenant_path = "server__tenant"

    def __str__(self) -> str:
        return self.label

    @property
    def tenant_id(self) -> int:
        return self.server.tenant_id
