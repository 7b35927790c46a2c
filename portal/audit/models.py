"""The audit: who did what, and how it ended. Rows are added, never changed.

An entry is written with a stamp of the audit key, then numbered and sealed into the chain
(`chain.py`) by the one change its row ever sees. The database refuses any other (`guards.py`).
"""

from typing import Any, Never, Self

from django.db import models
from django.db.models import Exists, OuterRef, Q

from portal.core.access import Access
from portal.core.querysets import TenantQuerySet
from portal.core.tenant_sets import AllBut

BEGINNINGS = Q(begun__isnull=True)
"""Said by this column and not by `phase`: both databases then use the partial indexes."""


class AppendOnly(Exception):
    """An entry of the audit was to be changed or deleted."""


def tenants_at(column: str) -> models.QuerySet[Any]:
    """The Tenant that a column of an entry names, if it is still there: none holds the audit back."""
    tenants: Any = Entry._meta.get_field("tenant").related_model
    found: models.QuerySet[Any] = tenants.objects.filter(pk=OuterRef(column))
    return found


class EntryQuerySet(TenantQuerySet["Entry"]):
    """Adds and reads. What retention removes goes by `retention.py` alone."""

    def visible_to(self, access: Access, permission: str) -> Self:
        """As elsewhere; an entry of a Tenant that was deleted for good is seen by who sees everything."""
        rows = super().visible_to(access, permission)
        if isinstance(access.tenants_with(permission), AllBut):
            rows = rows.filter(Exists(tenants_at("tenant")))
        return rows

    def with_owners(self, access: Access) -> Self:
        """With `owner_is_there`, where that decides who may read the details for the owner."""
        if isinstance(access.tenants_with("audit:view"), AllBut):
            return self.annotate(owner_is_there=Exists(tenants_at("owner_tenant_id")))
        return self

    def update(self, **_: Any) -> Never:
        raise AppendOnly("Entries of the audit are never changed.")

    def bulk_update(self, *_: Any, **__: Any) -> Never:
        raise AppendOnly("Entries of the audit are never changed.")

    def delete(self) -> Never:
        raise AppendOnly("Entries of the audit are never deleted.")


class Entry(models.Model):
    """One half of an action: that it began, or how it ended."""

    class Phase(models.TextChoices):
        BEGUN = "begun", "Begun"
        ENDED = "ended", "Ended"

    class Outcome(models.TextChoices):
        NONE = "", "Not known yet"
        DONE = "done", "Done"
        REFUSED = "refused", "Refused"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    at = models.DateTimeField()
    action = models.CharField(max_length=60)
    phase = models.CharField(max_length=5, choices=Phase)
    outcome = models.CharField(max_length=9, choices=Outcome, blank=True, default="")
    # What an entry names may go; the entry keeps its id. So no constraint, and nothing set to null.
    # Its index leaves out what is null: SQLite would look for all beginnings by it, and sort them.
    begun = models.ForeignKey(
        "self", models.DO_NOTHING, null=True, related_name="ends", db_constraint=False, db_index=False
    )
    tenant = models.ForeignKey(
        "tenants.Tenant", models.DO_NOTHING, null=True, related_name="+", db_constraint=False, db_index=False
    )
    actor = models.ForeignKey(
        "accounts.User", models.DO_NOTHING, null=True, related_name="+", db_constraint=False, db_index=False
    )
    actor_label = models.CharField(max_length=255, help_text="The name and address held at the time.")
    viewing_as = models.CharField(
        max_length=255, blank=True, default="", help_text="Whose view the person had put on."
    )
    via = models.CharField(max_length=120, blank=True, default="", help_text="The API token used, by name.")
    ip_address = models.GenericIPAddressField(null=True)
    object_type = models.CharField(max_length=40, blank=True)
    object_id = models.CharField(max_length=255, blank=True)
    object_label = models.CharField(max_length=255, blank=True)
    details = models.JSONField(default=dict)
    owner_tenant_id = models.BigIntegerField(
        null=True, help_text="The tenant whose readers may read the details for the owner."
    )
    owner_details = models.JSONField(default=dict)
    duration_ms = models.PositiveIntegerField(null=True)
    stamp = models.CharField(
        max_length=64, blank=True, default="", help_text="HMAC of the content, made when it was written."
    )
    number = models.BigIntegerField(null=True, unique=True, help_text="Its place in the chain.")
    mac = models.CharField(
        max_length=64, blank=True, default="", help_text="HMAC of the content, the number and the mac before."
    )

    objects = EntryQuerySet.as_manager()
    tenant_path = "tenant"

    class Meta:
        verbose_name_plural = "entries"
        indexes = [
            models.Index(fields=["at", "id"], name="audit_by_time", condition=BEGINNINGS),
            models.Index(fields=["tenant", "at", "id"], name="audit_by_tenant", condition=BEGINNINGS),
            models.Index(fields=["actor", "at", "id"], name="audit_by_actor", condition=BEGINNINGS),
            models.Index(fields=["action", "at", "id"], name="audit_by_action", condition=BEGINNINGS),
            models.Index(fields=["ip_address", "at", "id"], name="audit_by_address", condition=BEGINNINGS),
            models.Index(fields=["begun"], name="audit_ends", condition=Q(begun__isnull=False)),
            models.Index(fields=["object_type", "object_id", "at"], name="audit_by_object"),
            models.Index(fields=["outcome", "at"], name="audit_by_outcome", condition=Q(begun__isnull=False)),
            models.Index(fields=["id"], name="audit_waiting", condition=Q(number__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.phase} {self.outcome}".strip()

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly("Entries of the audit are never changed.")
        super().save(*args, **kwargs)

    def delete(self, *_: Any, **__: Any) -> Never:
        raise AppendOnly("Entries of the audit are never deleted.")


class Head(models.Model):
    """The end of the chain: how many entries it holds, and the mac of the last. One row, pk 1.

    Whoever adds to the chain holds this row's lock, in a short transaction of its own.
    """

    number = models.BigIntegerField(default=0)
    mac = models.CharField(max_length=64, blank=True, default="")
    adopts_below = models.BigIntegerField(
        default=0, help_text="Entries without a stamp up to this id are taken in: there was no key yet."
    )
    seal = models.CharField(
        max_length=64, blank=True, default="", help_text="HMAC of the above; empty before the first entry."
    )

    def __str__(self) -> str:
        return f"{self.number} {self.mac[:12]}"


class Segment(models.Model):
    """A closed calendar month of the chain. Its seal stays when retention removes its entries."""

    month = models.DateField(unique=True, help_text="The first day of the month (UTC).")
    first_number = models.BigIntegerField()
    last_number = models.BigIntegerField()
    first_mac = models.CharField(max_length=64)
    last_mac = models.CharField(max_length=64)
    sealed_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)
    seal = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}: {self.first_number} to {self.last_number}"

    @property
    def count(self) -> int:
        return self.last_number - self.first_number + 1


class Checkpoint(models.Model):
    """How far the chain was last found intact, and what was found wrong. One row, pk 1."""

    number = models.BigIntegerField(default=0)
    mac = models.CharField(max_length=64, blank=True, default="")
    seal = models.CharField(max_length=64, blank=True, default="")
    checked_at = models.DateTimeField(null=True)
    intact_at = models.DateTimeField(null=True)
    problems = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"{self.number} at {self.checked_at}"


class Repeat(models.Model):
    """A failure that is being counted for a minute: its beginning is an entry, its end follows."""

    key = models.CharField(
        max_length=64, unique=True, help_text="SHA-256 of what makes two failures the same."
    )
    begun = models.OneToOneField(Entry, models.DO_NOTHING, related_name="repeat", db_constraint=False)
    times = models.PositiveIntegerField(default=1)
    people = models.JSONField(default=list)
    closes_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.begun_id} × {self.times}"
