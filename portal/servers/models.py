"""Linked Comet Servers, the organizations on them, and which Tenant each belongs to."""

from datetime import datetime, timedelta
from typing import Final

from django.db import models
from django.utils import timezone

from portal.core.encryption import SecretField
from portal.core.querysets import TenantQuerySet

STALE_AFTER: Final = timedelta(minutes=1)
"""How long a server may be without its event stream before what is shown of it counts as stale."""

UNHEARD_AFTER: Final = timedelta(minutes=45)
"""The same of a server that is heard by webhook alone: it is read every half hour."""


class CometServer(models.Model):
    """One linked Comet Server. Belongs to the Tenant that linked it; placements share it out."""

    class CredentialKind(models.TextChoices):
        PASSWORD = "password", "Password"
        SESSION_KEY = "session_key", "Session key"

    class Stream(models.TextChoices):
        NEVER = "never", "Not connected yet"
        UP = "up", "Live"
        DOWN = "down", "Stream down"
        OFF = "off", "By webhook"

    tenant = models.ForeignKey("tenants.Tenant", models.PROTECT, related_name="servers")
    name = models.CharField(max_length=80)
    api_url = models.CharField(max_length=255, help_text="Where the portal reaches it.")
    browser_url = models.CharField(max_length=255, help_text="Where people's browsers reach it.")
    linked_at = models.DateTimeField(auto_now_add=True)

    admin_username = models.CharField(max_length=255)
    credential_kind = models.CharField(max_length=12, choices=CredentialKind)
    password = SecretField()
    session_key = SecretField(help_text="The portal's own polling key; never handed out.")
    credential_changed_at = models.DateTimeField(auto_now_add=True)

    version = models.CharField(max_length=40, blank=True)
    license_hash = models.CharField(max_length=128, help_text="Tells two addresses of one server.")
    start_hash = models.CharField(max_length=128, blank=True)
    started_at = models.DateTimeField(null=True)
    restarts = models.PositiveIntegerField(default=0)
    clock_drift_ms = models.BigIntegerField(default=0, help_text="Its clock minus ours.")
    devices_configured = models.PositiveIntegerField(default=0)
    device_limit = models.PositiveIntegerField(default=0, help_text="0 means unlimited.")
    license_valid_until = models.DateTimeField(null=True)

    stream = models.CharField(max_length=5, choices=Stream, default=Stream.NEVER)
    stream_changed_at = models.DateTimeField(null=True)
    stream_error = models.CharField(max_length=500, blank=True)
    last_event_at = models.DateTimeField(null=True)
    last_full_sync_at = models.DateTimeField(null=True)
    last_read_at = models.DateTimeField(null=True, help_text="When what events did not tell was last read.")
    last_sync_error = models.CharField(max_length=500, blank=True)
    jobs_revision = models.PositiveBigIntegerField(default=0, help_text="Rises with each write of its Jobs.")
    unlinking_at = models.DateTimeField(null=True, help_text="Since when its rows are being deleted.")

    objects = TenantQuerySet["CometServer"].as_manager()
    tenant_path = "tenant"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="server_name_once_per_tenant"),
            models.UniqueConstraint(fields=["license_hash"], name="server_linked_once"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def data_at(self) -> datetime | None:
        """When it last told something; None before the first sync."""
        told = (self.last_event_at, self.last_full_sync_at, self.last_read_at)
        return max((at for at in told if at is not None), default=None)

    @property
    def is_live(self) -> bool:
        return self.stream == self.Stream.UP

    @property
    def is_by_webhook(self) -> bool:
        """Whether somebody chose that it is heard by its webhook alone: nobody follows its stream."""
        return self.stream == self.Stream.OFF

    @property
    def quiet_since(self) -> datetime:
        """Since when it told nothing, and nothing changed in how it is heard."""
        return max(filter(None, (self.data_at, self.stream_changed_at, self.linked_at)))

    @property
    def is_stale(self) -> bool:
        """Whether what is shown of it may have changed since: its stream is down and has been a while."""
        if self.is_live:
            return False
        return timezone.now() - self.quiet_since > (UNHEARD_AFTER if self.is_by_webhook else STALE_AFTER)

    @property
    def stream_down_since(self) -> datetime | None:
        return self.stream_changed_at if self.stream == self.Stream.DOWN else None

    @property
    def credential_dies(self) -> bool:
        """Whether its credential is a session key, which ends some time after its last use."""
        return self.credential_kind == self.CredentialKind.SESSION_KEY

    @property
    def credential_is_unreadable(self) -> bool:
        """Whether its credential is stored, sealed with a key that is not configured."""
        return any(secret and not secret.is_readable for secret in (self.password, self.session_key))

    @property
    def devices_left(self) -> int | None:
        """Devices its licence still allows; None where it is unlimited."""
        return max(self.device_limit - self.devices_configured, 0) if self.device_limit else None


class Organization(models.Model):
    """An organization of a Comet Server, as last seen there. The top level has the empty id."""

    server = models.ForeignKey(CometServer, models.CASCADE, related_name="organizations")
    organization_id = models.CharField(max_length=64, blank=True)
    name = models.CharField(max_length=255)
    host = models.CharField(max_length=255, blank=True, help_text="Its first host name.")
    browser_url = models.CharField(max_length=255, blank=True, help_text="Empty: made from the host.")
    is_suspended = models.BooleanField(default=False)
    admin_username = models.CharField(max_length=255, blank=True, help_text="Admin made for sign-ins.")
    admin_password = SecretField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["server", "organization_id"], name="organization_once"),
        ]

    def __str__(self) -> str:
        return self.name


class Placement(models.Model):
    """Which Tenant an organization of a server belongs to, or one User Profile placed by hand.

    Every mirrored row points here, so that re-homing a customer changes one row.
    """

    server = models.ForeignKey(CometServer, models.CASCADE, related_name="placements")
    organization_id = models.CharField(max_length=64, blank=True)
    username = models.CharField(max_length=255, blank=True, help_text="Empty: the whole organization.")
    tenant = models.ForeignKey("tenants.Tenant", models.PROTECT, related_name="placements")
    is_unmapped = models.BooleanField(
        default=False, help_text="With the server's owner for want of a choice."
    )
    taken_from = models.ForeignKey(
        "tenants.Tenant",
        models.SET_NULL,
        null=True,
        related_name="+",
        help_text="Where it was placed before that went into the trash.",
    )
    is_released = models.BooleanField(
        default=False, help_text="Its User Profile went back to the organization; its rows follow."
    )

    objects = TenantQuerySet["Placement"].as_manager()
    tenant_path = "tenant"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["server", "organization_id", "username"], name="placement_once"),
        ]

    def __str__(self) -> str:
        return f"{self.server} {self.username or self.organization_id or 'top level'} at {self.tenant}"


TOP_LEVEL: Final = ""
"""The organization id of what belongs to no organization."""

SERVER_ITSELF: Final = "*"
"""The organization id of a placement for what concerns the server as a whole; always its owner's."""
