"""The rows of Jobs that are not stored yet, made in the tens of thousands when a server is first read."""

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from portal.core.wire import EPOCH, SMALL, clip, moment, natural
from portal.jobs.merge import AnyJob
from portal.jobs.owners import Owners
from portal.jobs.states import state_of

_UNMOVED: Final = (0, 0, 0, 0, None)
"""The columns of progress of a Job that has shown none."""


class NewRows:
    """Turns reports into the columns of `JobRow`, in its order; what many share is worked out once."""

    def __init__(self, server_id: int, owners: Owners, now: datetime) -> None:
        self._server_id = server_id
        self._owners = owners
        self._now = now
        self._owned: dict[tuple[str, str, str, str], tuple[tuple[Any, ...], bool]] = {}

    def columns(self, report: AnyJob, digest: str) -> tuple[Any, ...]:
        """`digest` is kept of what has ended and has all its owners: nothing is left to be found later."""
        key = (report.username, report.device_id, report.source_guid, report.destination_guid)
        found = self._owned.get(key)
        if found is None:
            found = self._owned[key] = self._find(*key)
        owned, is_settled = found
        ended_at = moment(report.end_time)
        progress = report.progress
        return (
            self._server_id,
            report.guid,
            *owned,
            natural(report.classification, SMALL),
            natural(report.status, SMALL),
            _state_value(report.status, ended_at is not None),
            moment(report.start_time) or EPOCH,
            ended_at,
            clip(report.client_version, 40),
            natural(report.total_files),
            natural(report.total_size),
            natural(report.upload_size),
            natural(report.download_size),
            clip(report.cancellation_id, 128),
            *(_UNMOVED if progress is None or progress.counter <= 0 else self._moved(progress)),
            digest if is_settled and ended_at is not None else "",
        )

    def _find(self, username: str, device_id: str, item: str, vault: str) -> tuple[tuple[Any, ...], bool]:
        """The columns from `placement_id` to `vault_name`, and whether all are known."""
        username, item, vault = clip(username, 255), clip(item, 255), clip(vault, 255)
        owned = self._owners.find(username, device_id, item, vault)
        is_settled = (
            owned.device_id is not None
            and (owned.item_name != "" or not item)
            and (owned.vault_name != "" or not vault)
        )
        return (
            owned.placement_id,
            owned.profile_id,
            owned.device_id,
            username,
            owned.device_name,
            item,
            owned.item_name,
            vault,
            owned.vault_name,
        ), is_settled

    def _moved(self, progress: Any) -> Iterator[Any]:
        yield natural(progress.counter)
        yield natural(progress.bytes_done)
        yield natural(progress.items_done)
        yield natural(progress.items_total)
        yield min(self._now, moment(progress.recieved_time) or self._now)


@lru_cache(maxsize=1024)
def _state_value(status: int, has_ended: bool) -> str:
    return state_of(status, has_ended).value
