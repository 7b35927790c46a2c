"""How often a Protected Item is usually backed up, as far as its last good backups tell."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Final

from comet.constants import JobClassification
from portal.fleet.models import ProtectedItem
from portal.jobs.models import Job
from portal.jobs.states import GOOD

LOOKED_BACK: Final = timedelta(days=120)
FEWEST: Final = 3
"""Good backups; the pauses between fewer are no rhythm."""

MOST: Final = 10
"""The latest ones: a rhythm may change."""

PATIENCE: Final = 2
"""Of its usual pauses, how many an item may stay away."""


def patience_of(items: Sequence[ProtectedItem]) -> Mapping[int, timedelta]:
    """How long each item may stay away by its own rhythm: twice the median of its last pauses.

    One query; items without a rhythm are left out.
    """
    keys = {(item.profile_id, item.guid): item for item in items if item.last_success_at is not None}
    if not keys:
        return {}
    since = min(item.last_success_at for item in keys.values() if item.last_success_at) - LOOKED_BACK
    jobs = Job.objects.filter(
        profile_id__in={profile for profile, _ in keys},
        item_guid__in={guid for _, guid in keys},
        classification=JobClassification.BACKUP,
        state__in=GOOD,
        ended_at__gte=since,
    )
    ended: defaultdict[int, list[datetime]] = defaultdict(list)
    for profile_id, guid, at in jobs.order_by("ended_at").values_list("profile_id", "item_guid", "ended_at"):
        item = keys.get((profile_id, guid))
        if item is not None and at is not None:
            ended[item.pk].append(at)
    return {pk: PATIENCE * _usual_pause(times[-MOST:]) for pk, times in ended.items() if len(times) >= FEWEST}


def _usual_pause(times: Sequence[datetime]) -> timedelta:
    pauses = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    return timedelta(seconds=median(pauses))
