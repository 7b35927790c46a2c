"""The event stream as received, and which relay holds which server's stream."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.db import models

from portal.core.encryption import SecretField
from portal.core.querysets import TenantQuerySet
from portal.live.groups import GroupField


class StreamLease(models.Model):
    """Who holds a server's event stream, and what its events have not told.

    A writer with an older fence is refused. A gap stays noted until a sync has closed it.
    """

    server = models.OneToOneField("servers.CometServer", models.CASCADE, related_name="stream_lease")
    holder = models.CharField(max_length=80, blank=True)
    fence = models.PositiveBigIntegerField(default=0)
    expires_at = models.DateTimeField(null=True)
    held_since = models.DateTimeField(null=True, help_text="When its holder took it.")
    openings = models.PositiveBigIntegerField(default=0, help_text="Of the stream, by its holder.")
    last_error = models.CharField(max_length=500, blank=True, help_text="Kept when the stream is back.")
    last_error_at = models.DateTimeField(null=True)
    gap_since = models.DateTimeField(null=True, help_text="What happened from here on has to be read afresh.")
    gap_number = models.PositiveBigIntegerField(default=0, help_text="Counts gaps: a sync closes its own.")
    gap_queued_at = models.DateTimeField(null=True, help_text="When closing it was last asked for.")
    unheard_since = models.DateTimeField(null=True, help_text="Since when no relay reads the stream.")
    gap_event = models.ForeignKey(
        "live.Event", models.SET_NULL, null=True, related_name="+", help_text="The latest entry of a gap."
    )

    def __str__(self) -> str:
        return f"{self.server} held by {self.holder or 'nobody'}"


class WebhookIntake(models.Model):
    """How a server posts its events here: a key in the address, a secret in a header."""

    server = models.OneToOneField("servers.CometServer", models.CASCADE, related_name="webhook_intake")
    key = models.UUIDField(unique=True, default=uuid4, help_text="Names it in the address; no secret.")
    secret = SecretField(help_text="Sent by the server in a header of its own.")
    set_up_at = models.DateTimeField(null=True, help_text="When the server was told to post here.")
    address = models.CharField(max_length=255, blank=True, help_text="Where it was told to post.")
    last_received_at = models.DateTimeField(null=True)

    objects = TenantQuerySet["WebhookIntake"].as_manager()
    tenant_path = "server__tenant"

    def __str__(self) -> str:
        return f"Webhook of {self.server}"

    @property
    def tenant_id(self) -> int:
        return self.server.tenant_id


class Event(models.Model):
    """One event of a Comet Server, secrets removed. Unknown types are kept like any other.

    Those of the portal itself are its gaps: for how long nobody observed the server, from `happened_at`
    to `received_at`.
    """

    class Source(models.TextChoices):
        STREAM = "stream", "Event stream"
        WEBHOOK = "webhook", "Webhook"
        PORTAL = "portal", "The portal itself"

    class Own(models.IntegerChoices):
        """Types of the portal's own events."""

        UNOBSERVED = 1, "Not observed now"
        GAP = 2, "Not observed for a while"

    # Both are found by an index below that leads on to the time: one of their own would only cost.
    # That there is such a server follows from the placement, which an event cannot outlive.
    server = models.ForeignKey(
        "servers.CometServer", models.CASCADE, related_name="events", db_index=False, db_constraint=False
    )
    placement = models.ForeignKey("servers.Placement", models.PROTECT, related_name="events", db_index=False)
    received_at = models.DateTimeField()
    happened_at = models.DateTimeField()
    source = models.CharField(max_length=7, choices=Source, default=Source.STREAM)
    connection = models.UUIDField(null=True, help_text="Which connection of the stream brought it.")
    position = models.PositiveIntegerField(null=True, help_text="Its place in that connection.")
    digest = models.CharField(
        max_length=64, blank=True, help_text="Of its content, where the server also posts events."
    )
    posted_at = models.DateTimeField(null=True, help_text="When it came as a webhook, if it did.")
    tracing_id = models.CharField(max_length=128, blank=True, help_text="The server's mark of that webhook.")
    type = models.PositiveIntegerField()
    group = GroupField(max_length=12, help_text="Of its type, as the activity page tells types apart.")
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
            models.Index(fields=["server", "received_at", "id"], name="event_by_server"),
            models.Index(fields=["group", "received_at", "id"], name="event_by_group"),
            models.Index(fields=["actor", "received_at", "id"], name="event_by_actor"),
            models.Index(fields=["server", "digest"], condition=~models.Q(digest=""), name="event_by_digest"),
        ]

    def __str__(self) -> str:
        return self.summary

    @property
    def tenant_id(self) -> int:
        return self.placement.tenant_id

    @property
    def is_gap(self) -> bool:
        return self.source == self.Source.PORTAL

    @property
    def gap_is_open(self) -> bool:
        """Whether nobody observes the server even now."""
        return self.is_gap and self.type == self.Own.UNOBSERVED

    @property
    def gap(self) -> dict[str, Any]:
        """What is kept of a gap (see `observing`)."""
        return self.data or {}

    @property
    def gap_length(self) -> timedelta:
        """For how long nobody observed the server; at least a second, since clocks are no finer."""
        return max(self.received_at - self.happened_at, timedelta(seconds=1))

    @property
    def is_brief_gap(self) -> bool:
        """Whether its two times would read the same."""
        return self.gap_length < timedelta(minutes=1)

    @property
    def gap_reason(self) -> str:
        return self.summary.partition(": ")[2]


class EventExtra(models.Model):
    """What a frame told beside the fields that are known here, secrets removed. Few events have any."""

    event = models.OneToOneField(Event, models.CASCADE, primary_key=True, related_name="extra")
    told = models.JSONField()

    objects = TenantQuerySet["EventExtra"].as_manager()
    tenant_path = "event__placement__tenant"

    def __str__(self) -> str:
        return f"Beside {self.event}"

    @property
    def tenant_id(self) -> int:
        return self.event.tenant_id


class PostedEvent(models.Model):
    """An event that came by POST and was answered for; within moments an Event takes its place."""

    server = models.ForeignKey("servers.CometServer", models.CASCADE, related_name="posted_events")
    received_at = models.DateTimeField()
    tracing_id = models.CharField(max_length=128, help_text="The server's mark of that webhook.")
    digest = models.CharField(max_length=64, help_text="Of its content, as it came.")
    told = models.TextField(help_text="The whole frame as JSON, without secrets.")

    objects = TenantQuerySet["PostedEvent"].as_manager()
    tenant_path = "server__tenant"

    def __str__(self) -> str:
        return f"{self.tracing_id} of {self.server}"

    @property
    def tenant_id(self) -> int:
        return self.server.tenant_id


class EventCount(models.Model):
    """How many events of one type there were in a day (UTC); of a month whose events were removed, in all."""

    class Span(models.TextChoices):
        DAY = "day", "Day"
        MONTH = "month", "Month"

    placement = models.ForeignKey("servers.Placement", models.CASCADE, related_name="+", db_index=False)
    span = models.CharField(max_length=5, choices=Span)
    begins_on = models.DateField()
    type = models.PositiveIntegerField()
    count = models.PositiveBigIntegerField()

    objects = TenantQuerySet["EventCount"].as_manager()
    tenant_path = "placement__tenant"

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["placement", "span", "begins_on", "type"], name="event_count_once"
            ),
        ]
        indexes = [models.Index(fields=["span", "begins_on"], name="event_count_by_day")]

    def __str__(self) -> str:
        return f"{self.count} of {self.type} on {self.begins_on}"

    @property
    def tenant_id(self) -> int:
        return self.placement.tenant_id


class SetAside(models.Model):
    """An event that could not be read or applied, kept until it is replayed, dismissed or too old."""

    event = models.OneToOneField(Event, models.CASCADE, related_name="set_aside")
    server = models.ForeignKey("servers.CometServer", models.CASCADE, related_name="set_aside_events")
    set_aside_at = models.DateTimeField()
    reason = models.TextField(help_text="Why it could not be read or applied, when last tried.")
    told = models.JSONField(
        null=True, help_text="The whole frame without secrets; null where it cannot be kept."
    )
    replays = models.PositiveIntegerField(default=0, help_text="How often it was replayed in vain.")
    replayed_at = models.DateTimeField(null=True)

    objects = TenantQuerySet["SetAside"].as_manager()
    tenant_path = "server__tenant"

    class Meta:
        indexes = [models.Index(fields=["set_aside_at", "id"], name="set_aside_by_time")]

    def __str__(self) -> str:
        return f"{self.event}: {self.reason}"

    @property
    def tenant_id(self) -> int:
        return self.server.tenant_id
