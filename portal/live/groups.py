"""The column by which events of one group are found."""

from django.db import models

from portal.live.kinds import group_of


class GroupField(models.CharField):
    """The group of a row's `type` (a key of `kinds.GROUPS`), set by itself as the row is written.

    A type that changes its group needs a migration of the rows that are there.
    """

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        group = group_of(model_instance.type)  # type: ignore[attr-defined]
        setattr(model_instance, self.attname, group)
        return group
