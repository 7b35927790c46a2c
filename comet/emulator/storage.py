"""The buckets a server of this seed begins with."""

from typing import Any

from comet.emulator.accounts import PASSWORD_FORMAT_HASHED
from comet.emulator.draw import Draw
from comet.emulator.passwords import hash_password
from comet.emulator.population import GIB

Wire = dict[str, Any]


def seeded_buckets(seed: int, organizations: list[str], created_at: int) -> dict[str, Wire]:
    """Two buckets of the top level and one of each organization."""
    found: dict[str, Wire] = {}
    for number, owner in enumerate(["", "", *organizations]):
        draw = Draw(seed, "bucket", number)
        size = draw.between(20, 900) * GIB
        found[draw.guid()] = {
            "OrganizationID": owner,
            "CreateTime": created_at,
            "ReadWriteKeyFormat": PASSWORD_FORMAT_HASHED,
            "ReadWriteKey": hash_password(draw.hex(32), draw.hex(16)),
            "Size": {"Size": size, "MeasureStarted": created_at, "MeasureCompleted": created_at + 60},
        }
    return found
