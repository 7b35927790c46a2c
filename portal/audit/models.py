"""The audit: who did what, and how it ended. Rows are added, never changed."""

from django.db import models

from portal.core.querysets import TenantQuerySet


class Entry(models.Model):
    """One half of an action: that it began, or how it ended."""

    class Phase(models.TextChoices):
        BEGUN = "begun", "Begun"
        ENDED = "ended", "Ended"

    class Outcome(models.TextChoices):
        NONE = "", "Not known yet"
        DONE = "done", "Done"
        REFUSED = "refused", "Refused"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    action = models.CharField(max_length=60, db_index=True)
    phase = models.CharField(max_length=5, choices=Phase)
    outcome = models.CharField(max_length=9, choices=Outcome, blank=True, default="")
    begun = models.ForeignKey("self", models.PROTECT, null=True, related_name="ends")
    tenant = models.ForeignKey("tenants.Tenant", models.SET_NULL, null=True, related_name="+")
    actor = models.ForeignKey("accounts.User", models.SET_NULL, null=True, related_name="+")
    actor_label = models.CharField(max_length=255, help_text="The name and address held at the time.")
    ip_address = models.GenericIPAddressField(null=True)
    object_type = models.CharField(max_length=40, blank=True)
    object_id = models.CharField(max_length=255, blank=True)
    object_label = models.CharField(max_length=255, blank=True)
    details = models.JSONField(default=dict)
    duration_ms = models.PositiveIntegerField(null=True)

    objects = TenantQuerySet["Entry"].as_manager()
    tenant_path = "tenant"

    class Meta:
        verbose_name_plural = "entries"

    def __str__(self) -> str:
        return f"{self.action} {self.phase} {self.outcome}".strip()
