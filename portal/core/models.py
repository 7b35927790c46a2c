"""Which keys sealed this installation's secrets, and which of its processes are alive."""

from django.db import models


class SealingKey(models.Model):
    """A key that sealed secrets here, known by a constant it sealed. Says nothing of the key itself."""

    key_id = models.CharField(max_length=12, unique=True)
    check_value = models.TextField(help_text="The constant, sealed with this key.")
    first_used_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.key_id


class Heartbeat(models.Model):
    """One running process of the portal, by what it last said of itself. Times are the database's."""

    kind = models.CharField(max_length=12, help_text="Such as `relay`, `worker` or `beat`.")
    holder = models.CharField(max_length=80, unique=True, help_text="Host, process id and a random part.")
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    figures = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["kind", "seen_at"], name="heartbeat_by_kind")]

    def __str__(self) -> str:
        return self.holder
