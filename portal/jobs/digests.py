"""Which Jobs of a list are stored already as the list tells them, found without reading them."""

from datetime import datetime

from django.db import connection

from comet.bulk import RawElement
from portal.fleet.models import UserProfile
from portal.jobs.models import Job
from portal.servers.models import CometServer


def digest_of(element: RawElement) -> str:
    """Half of its SHA-256, which is enough to tell one text from another."""
    return element.digest[:16].hex()


def known_digests(server: CometServer, start: datetime, end: datetime) -> set[str]:
    """Digests of the stored Jobs that started between `start` and `end`, as far as nothing is left to do.

    Not of a Job whose profile or Device has gone since, or whose profile has moved: its owners may be
    others now. A digest is that of a text with the Job's GUID in it, so no two Jobs have the same.
    """
    placed = dict(UserProfile.objects.filter(server=server).values_list("pk", "placement"))
    jobs = Job.objects.filter(
        placement__in=list(server.placements.values_list("pk", flat=True)),
        server=server,
        started_at__gte=start,
        started_at__lte=end,
        device__isnull=False,
    ).exclude(digest="")
    statement, values = jobs.values_list("digest", "profile", "placement").query.sql_with_params()
    with connection.cursor() as cursor:  # all at once, since many a list is long and nothing is converted
        cursor.execute(statement, values)
        return {
            digest
            for digest, profile_id, placement_id in cursor.fetchall()
            if placed.get(profile_id) == placement_id
        }
