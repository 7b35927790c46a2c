"""The event stream as received, and which relay holds which server's stream."""

from django.db import models

from portal.core.querysets import TenantQuerySet


class StreamLease(models.Model):
    """Who holds a server's event stream, and what its events have not told.

    A writer with an older fence is refused. A gap stays noted until a sync has closed it.
    """

    server = models.OneToOneField("servers.CometServer", models.CASCADE, related_name="stream_lease")
    holder = models.CharField(max_length=80, blank=True)
    fence = models.PositiveBigIntegerField(default=0)
    expires_at = models.DateTimeField(null=True)
    gap_since = models.DateTimeField(null=True, help_text="What happened from here on has to be read afresh.")
    gap_number = models.PositiveBigIntegerField(default=0, help_text="Counts gaps: a sync closes its own.")
    gap_queued_at = models.DateTimeField(null=True, help_text="When closing it was last asked for.")

    def __str__(self) -> str:
        return f"{self.server} held by {self.holder or 'nobody'}"


class Event(models.Model):
    """One event of a Comet Server, secrets removed. Unknown types are kept like any other."""

    class Source(models.TextChoices):
        STREAM = "stream", "Event stream"
        WEBHOOK = "webhook", "Webhook"
        PORTAL = "portal", "The portal itself"

    server = models.ForeignKey("servers.CometServer", models.CASCADE, related_name="events")
    placement = models.ForeignKey("servers.Placement", models.PROTECT, related_name="events")
    received_at = models.DateTimeField()
    happened_at = models.DateTimeField()
    source = models.CharField(max_length=7, choices=Source, default=Source.STREAM)
    connection = models.UUIDField(null=True, help_text="Which connection of the stream brought it.")
    position = models.PositiveIntegerField(null=True, help_text="Its place in that connection.")
    type = models.PositiveIntegerField()
    type_string = models.CharField(max_length=80, blank=True)
    actor = models.CharField(max_length=255, blank=True)
    organization_id = models.CharField(max_length=64, blank=True)
    resource_id = models.CharField(max_length=255, blank=True)
    summary = models.CharField(max_length=255, help_text="One line for people, without HTML.")
    state = models.CharField(max_length=12, blank=True, help_text="Of the Job it speaks of, if any.")
    job = models.ForeignKey("jobs.Job", models.SET_NULL, null=True, related_name="+")
    device = models.ForeignKey("fleet.Device", models.SET_NULL, null=True, related_name="+")
    data = models.JSONField(null=True)
    problem = models.TextField(blank=True, help_text="Why it could not be read or applied.")

    objects = TenantQuerySet["Event"].as_manager()
    tenant_path = "placement__tenant"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "position"], name="event_once_per_position"),
        ]
        indexes = [
            models.Index(fields=["received_at", "id"], name="event_by_time"),
            models.Index(fields=["placement", "received_at", "id"], name="event_by_placement"),
        ]

    def __str__(self) -> str:
        return self.summary

    @property
    def tenant_id(self) -> int:
        return self.placement.tenant_id
