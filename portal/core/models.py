"""Which keys sealed this installation's secrets."""

from django.db import models


class SealingKey(models.Model):
    """A key that sealed secrets here, known by a constant it sealed. Says nothing of the key itself."""

    key_id = models.CharField(max_length=12, unique=True)
    check_value = models.TextField(help_text="The constant, sealed with this key.")
    first_used_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.key_id
