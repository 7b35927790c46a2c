"""What the portal holds of a Comet Server, in the shape of `lists`. Plain SQL."""

from collections.abc import Sequence
from typing import Any

from tests.chaos.database import Database
from tests.chaos.lists import Rows

_USER = "JOIN fleet_userprofile u ON u.id = x.profile_id"
_HOURS = ("succeeded", "warning", "failed", "missed", "skipped", "interrupted")


class Mirror:
    """The rows of one server."""

    def __init__(self, database: Database, server_id: int) -> None:
        self._database = database
        self._server = server_id

    def profiles(self) -> dict[str, Rows]:
        return {
            "user": self._rows(
                "SELECT username, organization_id AS organization, account_name, email,"
                " policy_guid AS policy, is_suspended AS suspended, created_at AS created,"
                " device_count AS devices, item_count AS items"
                f" FROM fleet_userprofile WHERE server_id={self._server}",
                ["username"],
            ),
            "device": self._rows(
                "SELECT u.username, x.device_id, x.name, x.platform, x.os_version AS os,"
                " x.client_version AS version, x.time_zone, x.registered_at AS registered,"
                " x.item_count AS items"
                f" FROM fleet_device x {_USER} WHERE x.server_id={self._server}",
                ["username", "device_id"],
            ),
            "item": self._rows(
                "SELECT u.username, x.guid, d.device_id AS device, x.name, x.engine"
                f" FROM fleet_protecteditem x {_USER} JOIN fleet_device d ON d.id = x.device_id"
                f" WHERE x.server_id={self._server}",
                ["username", "guid"],
            ),
            "vault": self._rows(
                'SELECT u.username, x.guid, x.name, x.destination_type AS type, x.limit_bytes AS "limit"'
                f" FROM fleet_storagevault x {_USER} WHERE x.server_id={self._server}",
                ["username", "guid"],
            ),
        }

    def organizations(self) -> Rows:
        """But for the top level, which has no id."""
        return self._rows(
            "SELECT organization_id, name, is_suspended AS suspended FROM servers_organization"
            f" WHERE server_id={self._server} AND organization_id <> ''",
            ["organization_id"],
        )

    def policies(self) -> Rows:
        return self._rows(
            f"SELECT guid, name FROM fleet_policy WHERE server_id={self._server}",
            ["guid"],
        )

    def online(self) -> Rows:
        return self._rows(
            f"SELECT u.username, x.device_id, x.connections FROM fleet_device x {_USER}"
            f" WHERE x.server_id={self._server}",
            ["username", "device_id"],
        )

    def jobs(self) -> Rows:
        found = self._rows(
            'SELECT j.guid, j.username AS "user", j.item_guid AS item, j.vault_guid AS vault,'
            " d.device_id AS device, j.classification, j.status, j.started_at AS started,"
            " j.ended_at AS ended, j.client_version AS version, j.cancellation_id AS cancellation,"
            " j.files, j.size_bytes AS size,"
            " j.upload_bytes AS upload, j.download_bytes AS download"
            " FROM jobs_job j LEFT JOIN fleet_device d ON d.id = j.device_id"
            f" WHERE j.server_id={self._server}",
            ["guid"],
        )
        for row in found.values():
            if row["ended"] is None:
                for name in ("files", "size", "upload", "download"):
                    del row[name]
        return found

    def hours(self, since: int) -> Rows:
        counted = ", ".join(f"sum(h.{name}) AS {name}" for name in _HOURS)
        rows = self._database.rows(
            f"SELECT h.hour AS hour, {counted} FROM jobs_placementhour h"
            f" JOIN servers_placement p ON p.id = h.placement_id WHERE p.server_id={self._server}"
            " GROUP BY h.hour"
        )
        return {
            (int(row["hour"]), name): {"count": row[name]}
            for row in rows
            for name in _HOURS
            if row["hour"] >= since and row[name]
        }

    def _rows(self, query: str, key: Sequence[str]) -> Rows:
        """Moments as whole seconds, as Comet writes them; SQLite's truth as truth."""
        found: Rows = {}
        for row in self._database.rows(query):
            values: dict[str, Any] = {
                name: int(value) if isinstance(value, float) else value for name, value in row.items()
            }
            if "suspended" in values:
                values["suspended"] = bool(values["suspended"])
            found[tuple(values.pop(name) for name in key)] = values
        return found
