"""Jobs as Comet Servers report them, and what is counted of them day by day."""

from datetime import timedelta

from django.db import models

from portal.core.querysets import TenantQuerySet


class Job(models.Model):
    """One Job. Times are Comet's own; `ended_at` is empty while it runs."""

    # Each foreign key leads an index or constraint below, so none needs one of its own. The database
    # looks at the placement alone, which a Job cannot outlive, nor it the server; for profile and
    # Device see `servers.placements.note_jobs_moved`.
    server = models.ForeignKey(
        "servers.CometServer", models.CASCADE, related_name="jobs", db_index=False, db_constraint=False
    )
    placement = models.ForeignKey("servers.Placement", models.PROTECT, related_name="jobs", db_index=False)
    profile = models.ForeignKey(
        "fleet.UserProfile",
        models.SET_NULL,
        null=True,
        related_name="jobs",
        db_index=False,
        db_constraint=False,
    )
    device = models.ForeignKey(
        "fleet.Device", models.SET_NULL, null=True, related_name="jobs", db_index=False, db_constraint=False
    )
    guid = models.CharField(max_length=64)
    username = models.CharField(max_length=255)
    device_name = models.CharField(max_length=255, blank=True, help_text="As it was called then.")
    item_guid = models.CharField(max_length=255, blank=True)
    item_name = models.CharField(max_length=255, blank=True)
    vault_guid = models.CharField(max_length=255, blank=True)
    vault_name = models.CharField(max_length=255, blank=True)
    classification = models.PositiveIntegerField()
    status = models.PositiveIntegerField(help_text="Comet's number.")
    state = models.CharField(max_length=12, help_text="`core.states.State` that follows from `status`.")
    message = models.CharField(max_length=255, blank=True, help_text="First error line of its log.")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    client_version = models.CharField(max_length=40, blank=True)
    files = models.BigIntegerField(default=0)
    size_bytes = models.BigIntegerField(default=0)
    upload_bytes = models.BigIntegerField(default=0)
    download_bytes = models.BigIntegerField(default=0)
    cancellation_id = models.CharField(max_length=128, blank=True)
    progress_counter = models.BigIntegerField(default=0, help_text="Comet's Counter: rises while it works.")
    progress_bytes = models.BigIntegerField(default=0)
    progress_items = models.BigIntegerField(default=0)
    progress_items_total = models.BigIntegerField(default=0)
    progress_at = models.DateTimeField(null=True, help_text="When the Counter last rose.")
    digest = models.CharField(
        max_length=32, blank=True, help_text="Of its text in the list that told it last, once it has ended."
    )
    cancel_asked_at = models.DateTimeField(null=True, help_text="When its device was last told to stop.")

    objects = TenantQuerySet["Job"].as_manager()
    tenant_path = "placement__tenant"

    class Meta:
        constraints = [models.UniqueConstraint(fields=["server", "guid"], name="job_once")]
        indexes = [
            models.Index(fields=["started_at", "id"], name="job_by_start"),
            models.Index(fields=["placement", "started_at", "id"], name="job_by_placement"),
            models.Index(fields=["profile"], name="job_by_profile"),
            models.Index(fields=["device"], name="job_by_device"),
            models.Index(fields=["state", "started_at", "id"], name="job_by_state"),
            models.Index(fields=["server"], name="job_unfinished", condition=models.Q(ended_at=None)),
        ]

    def __str__(self) -> str:
        return self.guid

    @property
    def tenant_id(self) -> int:
        return self.placement.tenant_id

    @property
    def duration(self) -> timedelta | None:
        """How long it took; None while it has no end."""
        return self.ended_at - self.started_at if self.ended_at else None

    @property
    def can_cancel(self) -> bool:
        """Whether Comet can be asked to cancel it: it runs, and gave the means to."""
        return self.ended_at is None and bool(self.cancellation_id)

    @property
    def percent(self) -> int | None:
        """Whole percent of its items done, or None where Comet gives no total."""
        if self.ended_at is not None or not self.progress_items_total:
            return None
        return min(100, self.progress_items * 100 // self.progress_items_total)


class Counts(models.Model):
    """How many Jobs ended in which state; skipped and cancelled are one column."""

    succeeded = models.IntegerField(default=0)
    warning = models.IntegerField(default=0)
    failed = models.IntegerField(default=0)
    missed = models.IntegerField(default=0)
    skipped = models.IntegerField(default=0)
    interrupted = models.IntegerField(default=0)

    class Meta:
        abstract = True


class PlacementHour(Counts):
    """Jobs of one placement that ended within one hour: what tiles, trends and strips add up."""

    placement = models.ForeignKey("servers.Placement", models.CASCADE, related_name="hours")
    hour = models.DateTimeField(help_text="The hour's first moment.")
    upload_bytes = models.BigIntegerField(default=0)

    objects = TenantQuerySet["PlacementHour"].as_manager()
    tenant_path = "placement__tenant"

    class Meta:
        constraints = [models.UniqueConstraint(fields=["placement", "hour"], name="placement_hour_once")]
        indexes = [models.Index(fields=["hour"], name="placement_hour_by_hour")]

    def __str__(self) -> str:
        return f"{self.placement} {self.hour:%Y-%m-%d %H}"


class DeviceDay(Counts):
    """Jobs of one Device that ended on one day (UTC): a cell of its strip."""

    device = models.ForeignKey("fleet.Device", models.CASCADE, related_name="days")
    day = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["device", "day"], name="device_day_once")]

    def __str__(self) -> str:
        return f"{self.device} {self.day}"
