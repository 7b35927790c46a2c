"""What a Comet Server tells of Jobs, as `BackupJobDetail` and lists of it."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

PROFILES: Final = 1000
"""Users, each with one Device, one Protected Item and one Storage Vault."""


def list_of_jobs(count: int, changed: Collection[int] = ()) -> bytes:
    """What AdminGetJobsForDateRange answers: ended backups of 30 days; those `changed` end otherwise."""
    now = int(datetime.now(UTC).timestamp()) // 86_400 * 86_400
    spacing = 30 * 86_400 // count
    return msgspec.json.encode(  # without spaces, as Comet writes it
        [job_detail(n, now - n * spacing, is_changed=n in changed) for n in range(count)]
    )


def job_detail(
    number: int, started: int, *, profiles: int = PROFILES, is_changed: bool = False
) -> dict[str, Any]:
    """`BackupJobDetail` of a backup that has ended."""
    ended = started + 120
    return {
        "GUID": f"{number * 2654435761 % 2**32:08x}-0000-4000-8000-{number:012x}",
        "Username": f"user-{number % profiles}",
        "Classification": 4001,
        "Status": 7002 if is_changed or number % 9 == 0 else 5000,
        "StartTime": started,
        "EndTime": ended + is_changed,
        "SourceGUID": f"source-{number % profiles}",
        "DestinationGUID": f"vault-{number % profiles}",
        "DeviceID": f"device-{number % profiles}",
        "SnapshotID": f"{number:064x}",
        "ClientVersion": "25.9.8",
        "TotalDirectories": 120,
        "TotalFiles": 4100,
        "TotalSize": 123_456_789,
        "TotalChunks": 999,
        "UploadSize": 1_234_567,
        "DownloadSize": 12_345,
        "TotalVmCount": 0,
        "TotalMailsCount": 0,
        "TotalSitesCount": 0,
        "TotalAccountsCount": 0,
        "TotalLicensedMailsCount": 0,
        "CancellationID": "",
        "DestinationSizeStart": {"Size": 5, "MeasureStarted": started, "MeasureCompleted": started},
        "DestinationSizeEnd": {"Size": 9, "MeasureStarted": ended, "MeasureCompleted": ended},
    }
