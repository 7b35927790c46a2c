"""Which relay holds which server's stream. Short transactions; the fence decides who may write."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q
from django.utils import timezone

from portal.live.models import StreamLease
from portal.servers.models import CometServer

LEASE: Final = timedelta(seconds=10)
"""How long a relay that died keeps its servers; renewed every `RENEW`."""

RENEW: Final = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class Held:
    """A stream this relay is to hold, and what it was configured with. A difference means: open anew."""

    server_id: int
    fence: int
    api_url: str
    admin_username: str
    credential_changed_at: datetime


def hold(holder: str) -> list[Held]:
    """Renew what `holder` has, take what nobody has, and tell what it holds now.

    A lease is taken by a conditional update that raises its fence, so two relays never both get it.
    """
    now = timezone.now()
    StreamLease.objects.filter(holder=holder).update(expires_at=now + LEASE)
    unleased = CometServer.objects.filter(stream_lease=None, unlinking_at=None).values_list("pk", flat=True)
    StreamLease.objects.bulk_create(
        (StreamLease(server_id=server_id) for server_id in unleased), ignore_conflicts=True
    )
    free = Q(holder="") | Q(expires_at=None) | Q(expires_at__lte=now)
    for lease in StreamLease.objects.filter(free, server__unlinking_at=None):
        StreamLease.objects.filter(free, pk=lease.pk, fence=lease.fence).update(
            holder=holder, fence=lease.fence + 1, expires_at=now + LEASE
        )
    mine = StreamLease.objects.filter(holder=holder, server__unlinking_at=None).values_list(
        "server", "fence", "server__api_url", "server__admin_username", "server__credential_changed_at"
    )
    return [Held(*values) for values in mine]


def release(holder: str, server_ids: Iterable[int] | None = None) -> None:
    """Give leases back at once, so that another relay need not wait for them to run out."""
    mine = StreamLease.objects.filter(holder=holder)
    if server_ids is not None:
        mine = mine.filter(server__in=list(server_ids))
    mine.update(holder="", expires_at=None)
