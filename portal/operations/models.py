"""Operations: long work, item by item. The database is the truth; Celery only carries it out."""

from datetime import timedelta
from typing import Final

from django.db import models

from portal.core.querysets import TenantQuerySet

STANDSTILL: Final = timedelta(seconds=20)
"""Without news for this long, an item is said to stand still."""


class Operation(models.Model):
    """One click: a kind of work on one or many targets."""

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"
        UNCERTAIN = "uncertain", "Uncertain"

    ACTIVE: Final = (State.QUEUED, State.RUNNING)

    kind = models.CharField(max_length=60)
    title = models.CharField(max_length=255)
    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="+")
    started_by = models.ForeignKey("accounts.User", models.SET_NULL, null=True, related_name="+")
    started_by_label = models.CharField(max_length=255, blank=True, help_text="Empty: the portal itself.")
    audit_entry = models.ForeignKey("audit.Entry", models.SET_NULL, null=True, related_name="+")
    params = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    items_total = models.PositiveIntegerField(default=0)
    items_ended = models.PositiveIntegerField(default=0)
    items_failed = models.PositiveIntegerField(default=0, help_text="Uncertain ones included.")
    progress_done = models.BigIntegerField(default=0, help_text="What `totals` makes of its items.")
    progress_total = models.BigIntegerField(default=0, help_text="0 while it is not known.")
    progress_text = models.CharField(max_length=255, blank=True)
    cancel_requested_at = models.DateTimeField(null=True)
    cancelled_by = models.ForeignKey("accounts.User", models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)

    objects = TenantQuerySet["Operation"].as_manager()
    tenant_path = "tenant"

    class Meta:
        indexes = [
            models.Index(fields=["created_at", "id"], name="operation_created"),
            models.Index(fields=["state"], name="operation_state"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_active(self) -> bool:
        return self.state in self.ACTIVE

    @property
    def percent(self) -> int | None:
        """Whole percent done, or None while the total is not known."""
        if self.state == self.State.SUCCEEDED:
            return 100
        return percent_of(self.progress_done, self.progress_total)


class OperationItem(models.Model):
    """One target of an Operation: claimed before the call is made, then followed to its end."""

    class State(models.TextChoices):
        PENDING = "pending", "Waiting"
        CLAIMED = "claimed", "Running"
        FOLLOWING = "following", "Following the Job"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"
        UNCERTAIN = "uncertain", "Uncertain"

    ENDED: Final = (State.SUCCEEDED, State.FAILED, State.CANCELLED, State.UNCERTAIN)

    operation = models.ForeignKey(Operation, models.CASCADE, related_name="items")
    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="+")
    target_type = models.CharField(max_length=40, help_text="What `target_id` is the id of: `device`.")
    target_id = models.BigIntegerField()
    label = models.CharField(max_length=255)
    server_name = models.CharField(max_length=80, blank=True, help_text="The Comet Server it asks.")
    params = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    queued_at = models.DateTimeField(null=True, help_text="When Celery was last told of it.")
    attempts = models.PositiveSmallIntegerField(default=0)
    claimed_at = models.DateTimeField(null=True, help_text="When its latest attempt began.")
    run_after = models.DateTimeField(null=True, help_text="Not before this, after a failed attempt.")
    claim_token = models.UUIDField(null=True)
    claim_expires_at = models.DateTimeField(null=True)
    progress_done = models.BigIntegerField(default=0)
    progress_total = models.BigIntegerField(default=0, help_text="0 while it is not known.")
    progress_text = models.CharField(max_length=255, blank=True)
    progress_counter = models.BigIntegerField(default=0, help_text="The Counter of the Job it follows.")
    progress_at = models.DateTimeField(null=True, help_text="When progress last moved.")
    stalled = models.BooleanField(default=False)
    follow_server = models.ForeignKey("servers.CometServer", models.SET_NULL, null=True, related_name="+")
    follow_guid = models.CharField(max_length=64, blank=True, help_text="GUID of the Job it waits for.")
    result = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    ended_at = models.DateTimeField(null=True)

    objects = TenantQuerySet["OperationItem"].as_manager()
    tenant_path = "tenant"

    class Meta:
        indexes = [
            models.Index(fields=["state", "run_after"], name="operation_item_due"),
            models.Index(fields=["operation", "state"], name="operation_item_state"),
            models.Index(fields=["follow_server", "follow_guid"], name="operation_item_follows"),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def has_ended(self) -> bool:
        return self.state in self.ENDED

    @property
    def percent(self) -> int | None:
        """Whole percent done, or None while the total is not known."""
        if self.state == self.State.SUCCEEDED:
            return 100
        return percent_of(self.progress_done, self.progress_total)

    @property
    def is_running(self) -> bool:
        return self.state in (self.State.CLAIMED, self.State.FOLLOWING)

    @property
    def news_from(self) -> str:
        """Whose news it waits for: its Comet Server, or its target."""
        return self.server_name or self.label


def percent_of(done: int, total: int) -> int | None:
    return min(100, done * 100 // total) if total else None
