"""Our copy of what Comet Servers hold: User Profiles, Devices, Protected Items, Storage Vaults.

Only columns that pages show, filter or sort by. Raw profiles are never stored: they hold secrets.
"""

from django.db import models

from portal.core.querysets import TenantQuerySet


class Policy(models.Model):
    """A policy of a Comet Server, by name."""

    server = models.ForeignKey("servers.CometServer", models.CASCADE, related_name="policies")
    guid = models.CharField(max_length=255)
    organization_id = models.CharField(max_length=64, blank=True)
    name = models.CharField(max_length=255)

    class Meta:
        verbose_name_plural = "policies"
        constraints = [models.UniqueConstraint(fields=["server", "guid"], name="policy_once")]

    def __str__(self) -> str:
        return self.name


class UserProfile(models.Model):
    """An end customer's account on a Comet Server."""

    server = models.ForeignKey("servers.CometServer", models.CASCADE, related_name="user_profiles")
    placement = models.ForeignKey("servers.Placement", models.PROTECT, related_name="user_profiles")
    username = models.CharField(max_length=255)
    organization_id = models.CharField(max_length=64, blank=True)
    account_name = models.CharField(max_length=255, blank=True)
    email = models.CharField(max_length=255, blank=True)
    policy_guid = models.CharField(max_length=255, blank=True)
    is_suspended = models.BooleanField(default=False)
    created_at = models.DateTimeField(null=True)
    device_count = models.PositiveIntegerField(default=0)
    item_count = models.PositiveIntegerField(default=0)
    vault_size_bytes = models.BigIntegerField(default=0)
    digest = models.BinaryField(max_length=32, null=True, help_text="SHA-256 of the profile as last read.")
    synced_at = models.DateTimeField()
    unread_since = models.DateTimeField(
        null=True, help_text="Since when it may be otherwise there: an event said that it changed, not how."
    )

    objects = TenantQuerySet["UserProfile"].as_manager()
    tenant_path = "placement__tenant"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["server", "username"], name="user_profile_once"),
        ]
        indexes = [
            models.Index(fields=["username", "id"], name="user_profile_by_name"),
            models.Index(fields=["vault_size_bytes", "id"], name="user_profile_by_size"),
            models.Index(
                fields=["server"],
                name="user_profile_unread",
                condition=models.Q(unread_since__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.username

    @property
    def tenant_id(self) -> int:
        return self.placement.tenant_id


class Suspension(models.Model):
    """A User Profile that the portal itself suspended on its Comet Server, with its Tenant."""

    profile = models.OneToOneField(UserProfile, models.CASCADE, related_name="suspension")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.profile} is suspended"


class Device(models.Model):
    """A machine registered under a User Profile. Its key is (server, username, DeviceID)."""

    server = models.ForeignKey("servers.CometServer", models.CASCADE, related_name="devices")
    placement = models.ForeignKey("servers.Placement", models.PROTECT, related_name="devices")
    profile = models.ForeignKey(UserProfile, models.CASCADE, related_name="devices")
    device_id = models.CharField(max_length=128)
    name = models.CharField(max_length=255)
    platform = models.CharField(max_length=60, blank=True, help_text="`windows/amd64`, as Comet writes it.")
    os_version = models.CharField(max_length=255, blank=True)
    client_version = models.CharField(max_length=40, blank=True)
    time_zone = models.CharField(max_length=64, blank=True)
    registered_at = models.DateTimeField(null=True)
    item_count = models.PositiveIntegerField(default=0)
    connections = models.PositiveSmallIntegerField(default=0, help_text="Live connections; 2 can be real.")
    missed_polls = models.PositiveSmallIntegerField(default=0)
    presence_at = models.DateTimeField(
        null=True, help_text="By its server's clock: of when `connections` is. What is older came late."
    )
    allows_filenames = models.BooleanField(default=True)
    last_seen_at = models.DateTimeField(null=True)
    last_job_at = models.DateTimeField(null=True)
    last_success_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=12, default="unknown", help_text="Worst state of its items.")
    sort_last_job_at = models.DateTimeField(help_text="`last_job_at`, or the epoch: sorting needs a value.")

    objects = TenantQuerySet["Device"].as_manager()
    tenant_path = "placement__tenant"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["profile", "device_id"], name="device_once"),
        ]
        indexes = [
            models.Index(fields=["server", "device_id"], name="device_by_id"),
            models.Index(fields=["name", "id"], name="device_by_name"),
            models.Index(fields=["sort_last_job_at", "id"], name="device_by_last_job"),
            models.Index(fields=["connections", "last_seen_at"], name="device_by_silence"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def tenant_id(self) -> int:
        return self.placement.tenant_id

    @property
    def is_online(self) -> bool:
        return self.connections > 0


class ProtectedItem(models.Model):
    """What one Device backs up, with how its latest Job ended."""

    server = models.ForeignKey("servers.CometServer", models.CASCADE, related_name="+")
    placement = models.ForeignKey("servers.Placement", models.PROTECT, related_name="protected_items")
    profile = models.ForeignKey(UserProfile, models.CASCADE, related_name="protected_items")
    device = models.ForeignKey(Device, models.CASCADE, related_name="protected_items")
    guid = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    engine = models.CharField(max_length=60)
    last_job_guid = models.CharField(max_length=64, blank=True)
    last_status = models.PositiveIntegerField(default=0, help_text="Comet's number of the latest backup.")
    last_state = models.CharField(max_length=12, default="unknown")
    last_message = models.CharField(max_length=255, blank=True)
    last_job_at = models.DateTimeField(null=True)
    last_success_at = models.DateTimeField(null=True)
    bad_since = models.DateTimeField(null=True, help_text="First of the bad results in a row.")

    objects = TenantQuerySet["ProtectedItem"].as_manager()
    tenant_path = "placement__tenant"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["profile", "guid"], name="protected_item_once"),
        ]
        indexes = [models.Index(fields=["last_state", "last_status"], name="protected_item_state")]

    def __str__(self) -> str:
        return self.name

    @property
    def tenant_id(self) -> int:
        return self.placement.tenant_id


class StorageVault(models.Model):
    """Where a User Profile's backups are kept."""

    server = models.ForeignKey("servers.CometServer", models.CASCADE, related_name="+")
    placement = models.ForeignKey("servers.Placement", models.PROTECT, related_name="storage_vaults")
    profile = models.ForeignKey(UserProfile, models.CASCADE, related_name="storage_vaults")
    guid = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    destination_type = models.PositiveIntegerField(default=0, help_text="Comet's DESTINATIONTYPE number.")
    size_bytes = models.BigIntegerField(default=0)
    measured_at = models.DateTimeField(null=True)
    limit_bytes = models.BigIntegerField(default=0, help_text="0 means unlimited.")

    objects = TenantQuerySet["StorageVault"].as_manager()
    tenant_path = "placement__tenant"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["profile", "guid"], name="storage_vault_once"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def tenant_id(self) -> int:
        return self.placement.tenant_id
