"""Reports of Jobs that are applied together, looked through once."""

from collections.abc import Iterable
from typing import NamedTuple

from portal.jobs.changes import Digests
from portal.jobs.merge import AnyJob


class Slice(NamedTuple):
    """Reports, one for each Job; asks no database, so that any thread may make it."""

    reports: list[AnyJob]
    digests: Digests
    guids: set[str]
    speakers: list[AnyJob]
    """One report for each combination of user, Device, item and vault that they speak of."""

    @classmethod
    def of(cls, reports: Iterable[AnyJob], digests: Digests) -> "Slice":
        """Jobs that are counted together come together, and lie together in most indexes."""
        by_day = sorted(reports, key=lambda report: (report.end_time // 86_400, report.username))
        speakers = {
            (report.username, report.device_id, report.source_guid, report.destination_guid): report
            for report in by_day
        }
        return cls(by_day, digests, {report.guid for report in by_day}, list(speakers.values()))
