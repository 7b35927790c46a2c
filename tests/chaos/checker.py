"""Compares what the Comet Servers say with what the portal holds, and counts what is lost or doubled.

Lost: a row the server has and the mirror lacks, or holds otherwise; an event before which others of its
connection are missing; a webhook that was answered for and is not there; a backup that succeeded here and is
not there. Doubled: a row the server does not have, an event stored twice, a backup that was asked for once
and began twice. Stuck: an Operation that has not ended.
"""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.chaos import lists
from tests.chaos.comet_server import CometServer
from tests.chaos.lists import HOUR, Rows
from tests.chaos.mirror import Mirror
from tests.chaos.world import World

BACKUP = 4001
JOB_EVENTS = (4200, 4201)


@dataclass
class Findings:
    """What one server's comparison gave; each finding is a sentence."""

    name: str
    events: int = 0
    jobs: int = 0
    webhooks: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)


class Checker:
    """Made before the faults begin, so that it knows from when on to look."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._since = int(time.time()) // HOUR * HOUR - HOUR
        self._began = int(time.time())
        self._taken: dict[str, dict[str, Any]] = {server.name: {} for server in world.comets}
        self._asked: Counter[str] = Counter()

    def collect(self) -> None:
        """Take note of the webhooks that were answered for; a server that ends forgets them."""
        for server in self._world.comets:
            for post in server.try_order("webhooks/taken").get("taken", []):
                if post["type"] in JOB_EVENTS:
                    self._taken[server.name][post["tracing_id"]] = post

    def note_asked(self, item_guid: str) -> None:
        """A backup of this Protected Item was asked of the portal."""
        self._asked[item_guid] += 1

    def check(self) -> list[Findings]:
        """One for each server, and one for the portal itself."""
        self.collect()
        found = [self._server(server) for server in self._world.comets]
        return [*found, self._operations()]

    def _server(self, server: CometServer) -> Findings:
        database = self._world.database
        pk = database.number(f"SELECT id FROM servers_cometserver WHERE api_url='{server.url}'")
        mirror, found = Mirror(database, pk), Findings(server.name)
        users = server.call("admin/list-users-full")
        told = lists.profiles(users)
        held = mirror.profiles()
        for kind, rows in told.items():
            _compare(found, kind, rows, held[kind])
        _compare(found, "organization", lists.organizations(server), mirror.organizations())
        _compare(found, "policy", lists.policies(server), mirror.policies())
        _compare(found, "connections of", lists.online(server, told["device"]), mirror.online())
        self._jobs(server, mirror, found)
        self._events(server, pk, found)
        return found

    def _jobs(self, server: CometServer, mirror: Mirror, found: Findings) -> None:
        window = {"Start": self._since, "End": int(time.time()) + HOUR}
        told = server.call("admin/get-jobs-for-date-range", **window)
        rows, held = lists.jobs(told), mirror.jobs()
        found.jobs = len(rows)
        inside = {
            key: row
            for key, row in held.items()
            if row["started"] >= self._since or (row["ended"] or 0) >= self._since
        }
        _compare(found, "job", rows, inside)
        _compare(found, "hour", lists.hours(told, self._since), mirror.hours(self._since))
        by_call = Counter(
            job["SourceGUID"]
            for job in told
            if job["Classification"] == BACKUP
            and not job.get("BackupRuleGUID")
            and job["StartTime"] >= self._began
        )
        for item, count in by_call.items():
            if count > self._asked[item]:
                found.doubled.append(
                    f"backup of {item} was asked for {self._asked[item]} times, begun {count} times"
                )

    def _events(self, server: CometServer, pk: int, found: Findings) -> None:
        database = self._world.database
        found.events = database.number(f"SELECT count(*) FROM live_event WHERE server_id={pk}")
        for row in database.rows(
            "SELECT connection, count(*) AS stored, max(position) AS last FROM live_event"
            f" WHERE server_id={pk} AND connection IS NOT NULL GROUP BY connection"
            " HAVING count(*) <> max(position) + 1"
        ):
            missing = row["last"] + 1 - row["stored"]
            found.lost.append(f"{missing} events of connection {row['connection']} before its last")
        types = ", ".join(map(str, JOB_EVENTS))
        for row in database.rows(
            "SELECT type, resource_id, count(*) AS stored FROM live_event"
            f" WHERE server_id={pk} AND type IN ({types}) AND resource_id <> '' AND received_at IS NOT NULL"
            " GROUP BY type, resource_id HAVING count(*) > 1"
        ):
            found.doubled.append(
                f"event {row['type']} of {row['resource_id']} is stored {row['stored']} times"
            )
        stored = {
            row["tracing_id"]
            for row in database.rows(
                f"SELECT tracing_id FROM live_event WHERE server_id={pk} AND tracing_id <> ''"
            )
        }
        taken = self._taken[server.name]
        found.webhooks = len(taken)
        found.lost += [
            f"webhook {tracing_id} of {post['resource_id']} was answered for and is not there"
            for tracing_id, post in taken.items()
            if tracing_id not in stored
        ]

    def _operations(self) -> Findings:
        """An Operation whose Job still runs on its Comet Server is not stuck."""
        found = Findings("portal")
        running = {
            job["GUID"]
            for server in self._world.comets
            for job in server.call("admin/get-jobs-for-date-range", Start=0, End=0)
        }
        rows = self._world.database.rows(
            "SELECT o.id, o.kind, i.state, i.attempts, i.error, i.follow_guid FROM operations_operation o"
            " LEFT JOIN operations_operationitem i ON i.operation_id = o.id AND i.ended_at IS NULL"
            " WHERE o.ended_at IS NULL"
        )
        found.stuck = [
            f"Operation {row['id']} ({row['kind']}) is {row['state']} in attempt {row['attempts']}"
            f" {row['follow_guid']} {row['error']}"
            for row in rows
            if row["follow_guid"] not in running
        ]
        return found


def _compare(found: Findings, kind: str, told: Rows, held: Rows) -> None:
    for key, row in told.items():
        if key not in held:
            found.lost.append(f"{kind} {_name(key)} is not in the mirror: {row}")
        elif held[key] != row:
            differs = {
                name: (row[name], held[key].get(name)) for name in row if row[name] != held[key].get(name)
            }
            found.lost.append(f"{kind} {_name(key)} differs (told, held): {differs or (row, held[key])}")
    for key in held.keys() - told.keys():
        found.doubled.append(f"{kind} {_name(key)} is in the mirror alone: {held[key]}")


def _name(key: Iterable[Any]) -> str:
    return "/".join(map(str, key))
