"""Sign-ins into Comet's web interface: each with a session key of its own, inside a time box."""

import uuid

from django.db import models

from portal.core.encryption import SecretField
from portal.core.querysets import TenantQuerySet


class Launch(models.Model):
    """One sign-in. The key is fetched once by the launcher and revoked at the end."""

    class Kind(models.TextChoices):
        SERVER_ADMIN = "server_admin", "Server administrator"
        TENANT_ADMIN = "tenant_admin", "Organization administrator"
        END_USER = "end_user", "End user"

    class State(models.TextChoices):
        ISSUED = "issued", "Waiting for the window"
        OPEN = "open", "Open"
        ENDING = "ending", "Ending"
        REVOKED = "revoked", "Ended"
        FAILED = "failed", "Not opened"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=12, choices=Kind)
    tenant = models.ForeignKey("tenants.Tenant", models.CASCADE, related_name="+")
    server = models.ForeignKey("servers.CometServer", models.CASCADE, related_name="launches")
    organization = models.ForeignKey("servers.Organization", models.CASCADE, null=True, related_name="+")
    profile = models.ForeignKey("fleet.UserProfile", models.SET_NULL, null=True, related_name="+")
    user = models.ForeignKey("accounts.User", models.CASCADE, related_name="launches")
    portal_session = models.CharField(max_length=64, help_text="Digest of the session that may fetch it.")
    reason = models.CharField(max_length=255)
    embedded = models.BooleanField(default=False)
    comet_username = models.CharField(max_length=255)
    session_key = SecretField()
    api_url = models.CharField(max_length=255, help_text="Who issued the key; it is sent nowhere else.")
    state = models.CharField(max_length=8, choices=State, default=State.ISSUED)
    issued_at = models.DateTimeField(auto_now_add=True)
    fetched_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_because = models.CharField(max_length=40, blank=True)
    revoke_attempts = models.PositiveSmallIntegerField(default=0)
    revoke_after = models.DateTimeField(null=True)
    problem = models.CharField(max_length=500, blank=True)

    objects = TenantQuerySet["Launch"].as_manager()
    tenant_path = "tenant"

    class Meta:
        verbose_name_plural = "launches"
        indexes = [
            models.Index(fields=["state", "expires_at"], name="launch_due"),
            models.Index(fields=["user", "state"], name="launch_of_user"),
        ]

    def __str__(self) -> str:
        return f"{self.comet_username} at {self.server}"

    @property
    def is_live(self) -> bool:
        """Whether its key may still be in use."""
        return self.state in (self.State.ISSUED, self.State.OPEN)
