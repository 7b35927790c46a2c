"""Alerts: one for each series that can break, with each time it did, and who is told of it."""

from typing import Final
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.utils import timezone

from portal.alerts.causes import STATE_OF, Cause
from portal.core.encryption import SecretField
from portal.core.querysets import TenantQuerySet
from portal.core.states import State

SILENT_DAYS: Final = 3
STALE_MINUTES: Final = 10
"""What holds where no tenant above says otherwise."""


class Alert(models.Model):
    """One series: a Protected Item of a Device, a Comet Server, or a Storage Vault.

    Made when the series first breaks; opened, closed and opened again from then on.
    """

    class Kind(models.TextChoices):
        ITEM = "item", "Protected Item"
        SERVER = "server", "Comet Server"
        VAULT = "vault", "Storage Vault"

    kind = models.CharField(max_length=6, choices=Kind)
    server = models.ForeignKey("servers.CometServer", models.CASCADE, related_name="+")
    placement = models.ForeignKey("servers.Placement", models.CASCADE, related_name="alerts")
    profile = models.ForeignKey("fleet.UserProfile", models.CASCADE, null=True, related_name="+")
    item = models.OneToOneField("fleet.ProtectedItem", models.CASCADE, null=True, related_name="alert")
    vault = models.OneToOneField("fleet.StorageVault", models.CASCADE, null=True, related_name="alert")
    label = models.CharField(max_length=520, help_text="What it is about, as people call it.")
    is_open = models.BooleanField(default=False)
    cause = models.CharField(max_length=12, choices=Cause)
    message = models.CharField(max_length=500, blank=True)
    opened_at = models.DateTimeField(help_text="The last time it was.")
    closed_at = models.DateTimeField(null=True)
    openings_count = models.PositiveIntegerField(default=0)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    note = models.CharField(max_length=300, blank=True)
    snoozed_until = models.DateTimeField(null=True)

    objects = TenantQuerySet["Alert"].as_manager()
    tenant_path = "placement__tenant"

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["server"], condition=models.Q(kind="server"), name="alert_once_per_server"
            ),
        ]
        indexes = [
            models.Index(fields=["opened_at", "id"], name="alert_by_time"),
            models.Index(
                fields=["placement", "opened_at", "id"],
                condition=models.Q(is_open=True),
                name="alert_open_by_placement",
            ),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def tenant_id(self) -> int:
        return self.placement.tenant_id

    @property
    def state(self) -> State:
        """How it is drawn."""
        return STATE_OF[Cause(self.cause)] if self.is_open else State.SUCCEEDED

    @property
    def is_snoozed(self) -> bool:
        return self.snoozed_until is not None and self.snoozed_until > timezone.now()


class Opening(models.Model):
    """One time that an alert was open. Also what has to be told: each half once."""

    alert = models.ForeignKey(Alert, models.CASCADE, related_name="openings")
    number = models.PositiveIntegerField()
    episode = models.PositiveIntegerField(
        help_text="Number of the first of those that follow within an hour: told of once."
    )
    cause = models.CharField(max_length=12, choices=Cause)
    message = models.CharField(max_length=500, blank=True)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    opening_told = models.BooleanField(default=False)
    closing_told = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["alert", "number"], name="opening_once")]
        indexes = [
            models.Index(fields=["id"], condition=models.Q(opening_told=False), name="opening_to_tell"),
            models.Index(
                fields=["id"],
                condition=models.Q(closing_told=False, closed_at__isnull=False),
                name="closing_to_tell",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.alert} for the {self.number}. time"


class Rules(models.Model):
    """What one tenant settles for itself and everything below: when to alert, when not to, where to post.

    A value that is empty is that of the nearest tenant above which has one.
    """

    tenant = models.OneToOneField("tenants.Tenant", models.CASCADE, related_name="alert_rules")
    silent_days = models.PositiveSmallIntegerField(null=True, help_text="0 never.")
    stale_minutes = models.PositiveSmallIntegerField(null=True)
    quiet_from = models.TimeField(null=True)
    quiet_until = models.TimeField(null=True)
    time_zone = models.CharField(max_length=64, blank=True)
    hook_url = models.CharField(max_length=500, blank=True)
    hook_header = models.CharField(max_length=80, blank=True)
    hook_secret = SecretField(help_text="Sent in `hook_header`.")
    hook_key = SecretField(help_text="Signs what is posted.")
    changed_at = models.DateTimeField(auto_now=True)

    objects = TenantQuerySet["Rules"].as_manager()
    tenant_path = "tenant"

    def __str__(self) -> str:
        return f"Alert rules of {self.tenant}"


class MailChoice(models.Model):
    """When a person gets mail about alerts. Who never chose gets none."""

    class When(models.TextChoices):
        OFF = "off", "No mail"
        AT_ONCE = "now", "At once"
        DIGEST = "digest", "One digest each morning"

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="alert_mail")
    when = models.CharField(max_length=6, choices=When, default=When.OFF)
    closings = models.BooleanField(default=False, help_text="Also told when it is over.")

    def __str__(self) -> str:
        return f"{self.user}: {self.get_when_display()}"


class Message(models.Model):
    """One mail to a person, or one post to a webhook: what gathers until it is due."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENDING = "sending", "Being sent"
        SENT = "sent", "Sent"
        FAILED = "failed", "Failed"
        DROPPED = "dropped", "Nothing left to tell"
        UNCERTAIN = "uncertain", "Broke off; may have arrived"

    uid = models.UUIDField(default=uuid4, unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+")
    rules = models.ForeignKey(Rules, models.CASCADE, null=True, related_name="messages")
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    is_test = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    told = models.PositiveIntegerField(default=0, help_text="How many alerts it told of.")
    answer = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=models.Q(state__in=["waiting", "sending"]),
                name="alert_message_due",
            ),
            models.Index(fields=["created_at"], name="alert_message_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.uid} {self.state}"


class Notice(models.Model):
    """That one recipient is told of one half of an opening, and by which message."""

    class What(models.TextChoices):
        OPENED = "opened", "Opened"
        CLOSED = "closed", "Closed"

    alert = models.ForeignKey(Alert, models.CASCADE, related_name="+")
    opening = models.ForeignKey(Opening, models.CASCADE, related_name="+")
    episode = models.PositiveIntegerField()
    what = models.CharField(max_length=6, choices=What)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+")
    rules = models.ForeignKey(Rules, models.CASCADE, null=True, related_name="+")
    message = models.ForeignKey(Message, models.CASCADE, related_name="notices")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["alert", "episode", "what", "user"],
                condition=models.Q(user__isnull=False),
                name="notice_once_per_person",
            ),
            models.UniqueConstraint(
                fields=["opening", "what", "rules"],
                condition=models.Q(rules__isnull=False),
                name="notice_once_per_hook",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.what}: {self.alert}"


class Handling(models.Model):
    """What a person did to some alerts at once, with what undoing it needs."""

    class Act(models.TextChoices):
        ACKNOWLEDGE = "acknowledge", "Acknowledged"
        SNOOZE = "snooze", "Snoozed"
        RESUME = "resume", "Resumed"

    act = models.CharField(max_length=11, choices=Act)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    made_at = models.DateTimeField(auto_now_add=True)
    undone_at = models.DateTimeField(null=True)
    before = models.JSONField(help_text="Alert id -> its four columns as they were.")

    def __str__(self) -> str:
        return f"{self.get_act_display()} by {self.user}"
