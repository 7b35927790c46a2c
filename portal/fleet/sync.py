"""Brings a whole Comet Server's User Profiles, policies and connections into the database."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec
import structlog
from django.db import transaction
from django.utils import timezone

import comet
from comet.bulk import RawElement
from portal.core.bulk import upsert
from portal.core.chunks import chunked
from portal.core.wire import clip, is_key
from portal.fleet.apply import CHUNK, apply_profiles, remove_profiles
from portal.fleet.connections import apply_connections
from portal.fleet.models import Policy, UserProfile
from portal.fleet.records import ProfileRecord, decode_profile
from portal.servers.models import CometServer

log = structlog.get_logger(__name__)

Report = Callable[[int, int], None]
"""Called with how many profiles are done, and how many there are."""


class PolicyRecord(msgspec.Struct, gc=False):
    """`GroupPolicy`: its name and whose it is."""

    description: str = msgspec.field(default="", name="Description")
    organization_id: str = msgspec.field(default="", name="OrganizationID")


_decode_policy = msgspec.json.Decoder(PolicyRecord).decode


@dataclass(slots=True)
class ProfilesSynced:
    """What a full list brought."""

    profiles: int = 0
    changed: int = 0
    removed: int = 0
    unreadable: list[str] = field(default_factory=list)
    """Names of users whose profile is not as Comet documents it; they keep what is stored."""


def sync_profiles(
    server: CometServer,
    client: comet.CometClient,
    *,
    report: Report = lambda done, total: None,
    on_changed: Callable[[Sequence[ProfileRecord]], None] = lambda records: None,
) -> ProfilesSynced:
    """Read all profiles, type only those whose digest differs from the stored one, write those.

    Nothing is written unless the whole answer could be split. A profile that an event wrote since
    the call began is newer and stays. `on_changed` gets each batch after it is stored.

    Raises:
        comet.CometError: the server did not give the list.
    """
    began_at = timezone.now()
    stored = dict(UserProfile.objects.filter(server=server).values_list("username", "digest"))
    elements = list(client.admin_list_users_full_raw())
    synced = ProfilesSynced(profiles=len(elements))
    changed = [element for element in elements if not _is_same(stored.get(element.key), element.digest)]
    done = len(elements) - len(changed)
    report(done, len(elements))
    for batch in chunked(changed, CHUNK):
        records = list(_decoded(server, iter(batch), synced))
        digests = {element.key: element.digest for element in batch}
        applied = apply_profiles(server, records, digests=digests, read_at=began_at, bulk=True)
        on_changed(records)
        synced.changed += applied.profiles
        done += len(batch)
        report(done, len(elements))
    gone = sorted(stored.keys() - {element.key for element in elements})
    synced.removed = remove_profiles(server, gone)
    UserProfile.objects.filter(server=server, unread_since__lte=began_at).update(unread_since=None)
    return synced


def _is_same(stored: bytes | memoryview | None, digest: bytes) -> bool:
    return stored is not None and bytes(stored) == digest


def _decoded(
    server: CometServer, elements: Iterator[RawElement], synced: ProfilesSynced
) -> Iterator[ProfileRecord]:
    for element in elements:
        try:
            record = decode_profile(element.raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as problem:
            log.warning("profile.unreadable", server_id=server.pk, username=element.key, problem=str(problem))
            synced.unreadable.append(element.key)
            continue
        record.username = element.key
        yield record


def sync_policies(server: CometServer, client: comet.CometClient) -> int:
    """Names of all policies; those that are gone go."""
    records = {}
    for element in client.call_elements("AdminPoliciesListFull"):
        if is_key(element.key, 255):
            try:
                records[element.key] = _decode_policy(element.raw)
            except (msgspec.DecodeError, UnicodeDecodeError):
                log.warning("policy.unreadable", server_id=server.pk, policy=element.key)
    with transaction.atomic():
        upsert(
            Policy,
            [
                (
                    server.pk,
                    guid,
                    clip(record.organization_id, 64),
                    clip(record.description, 255) or guid[:12],
                )
                for guid, record in records.items()
            ],
            unique=("server_id", "guid"),
            update=("organization_id", "name"),
        )
        held = Policy.objects.filter(server=server).values_list("guid", "pk")
        Policy.objects.filter(pk__in=[pk for guid, pk in held if guid not in records]).delete()
    return len(records)


def sync_connections(server: CometServer, client: comet.CometClient) -> int:
    """Which Devices are connected now; gives how many changed."""
    began_at = timezone.now()
    return apply_connections(server, client.admin_dispatcher_list_active(), read_at=began_at)
