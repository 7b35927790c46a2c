"""User Profiles as they stand now: seeded, overlaid by API writes, with statistics that follow the jobs."""

import hashlib
from typing import Any

import msgspec

from comet.emulator import job as job_module
from comet.emulator import profiles, shapes
from comet.emulator.clock import Clock
from comet.emulator.job import Job
from comet.emulator.jobs import JobBook, LastBackups, note_backup
from comet.emulator.journal import Journal
from comet.emulator.population import Device, Population, User
from comet.emulator.tenants import Policies

Wire = dict[str, Any]
_ENCODER = msgspec.json.Encoder(order="sorted")


class ProfileBook:
    """Reads and writes User Profiles.

    A profile's hash covers what callers may write. Statistics are the server's own: they are added when a
    profile is read, ignored when it is written, and do not change the hash.
    """

    def __init__(
        self,
        *,
        population: Population,
        policies: Policies,
        jobs: JobBook,
        clock: Clock,
        journal: Journal,
        password_hash: str,
    ) -> None:
        self._policies = policies
        self._jobs = jobs
        self._clock = clock
        self._journal = journal
        self._users: dict[str, User] = {user.username: user for user in population.users}
        self._stored: dict[str, Wire] = {
            user.username: self._with_policy(profiles.user_profile(user, password_hash))
            for user in population.users
        }
        for username, profile in journal.all("profile").items():
            self._stored[username] = profile
        self._encoded: dict[str, bytes] = {}
        self._hashes: dict[str, str] = {}
        self._last: LastBackups | None = None

    def names(self, organization_id: str | None) -> list[str]:
        """User names of one organization; all with None."""
        return [
            name for name, p in self._stored.items() if organization_id in (None, p.get("OrganizationID", ""))
        ]

    def device_count(self) -> int:
        """How many devices are registered, of all users."""
        return sum(len(profile["Devices"]) for profile in self._stored.values())

    def stored(self, username: str) -> Wire | None:
        """A profile without statistics; not to be changed by the caller."""
        return self._stored.get(username)

    def organization_of(self, username: str) -> str:
        """The organization a user belongs to; empty for the top level and for unknown users."""
        profile = self._stored.get(username)
        return profile.get("OrganizationID", "") if profile else ""

    def device_of(self, username: str, device_id: str) -> Device | None:
        user = self._users.get(username)
        return next((d for d in user.devices if d.device_id == device_id), None) if user else None

    def user(self, username: str) -> User | None:
        return self._users.get(username)

    def full(self, username: str) -> Wire:
        """The whole profile, statistics included."""
        whole = dict(self._stored[username])
        last = self._last_backups()
        whole["Sources"] = {guid: self._source(guid, s, last) for guid, s in whole["Sources"].items()}
        backups = [good for _, good in (last.get(guid, (None, None)) for guid in whole["Sources"]) if good]
        whole["Destinations"] = self._destinations(username, whole["Destinations"], backups)
        return whole

    def encoded(self, username: str) -> bytes:
        """The whole profile as JSON; encoded again only after it changed."""
        if username not in self._encoded:
            self._encoded[username] = msgspec.json.encode(self.full(username))
        return self._encoded[username]

    def hash(self, username: str) -> str:
        if username not in self._hashes:
            self._hashes[username] = hashlib.sha256(_ENCODER.encode(self._stored[username])).hexdigest()
        return self._hashes[username]

    def write(self, username: str, profile: Wire) -> None:
        """Replace a profile. Jobs of Protected Items that are gone from it begin no more."""
        fresh = self._with_policy(profile)
        for block in ("Sources", "Destinations"):
            fresh[block] = {
                guid: {k: v for k, v in entry.items() if k != "Statistics"}
                for guid, entry in fresh[block].items()
            }
        for guid in self._stored[username]["Sources"].keys() - fresh["Sources"].keys():
            self._journal.put("stopped", guid, self._clock.seconds())
        self._stored[username] = fresh
        self._journal.put("profile", username, fresh)
        self._hashes.pop(username, None)
        self._encoded.pop(username, None)

    def note_job_end(self, job: Job) -> None:
        """Let the statistics follow a job that just ended."""
        if self._last is not None:
            note_backup(self._last, job)
        self._encoded.pop(job.username, None)

    def _with_policy(self, profile: Wire) -> Wire:
        """A copy whose Policy block is that of the policy it names."""
        policy = self._policies.get(profile["PolicyID"])
        return {**profile, "Policy": policy["Policy"]} if policy else dict(profile)

    def _last_backups(self) -> LastBackups:
        if self._last is None:
            self._last = self._jobs.last_backups()
        return self._last

    def _source(self, guid: str, source: Wire, last: LastBackups) -> Wire:
        newest, good = last.get(guid, (None, None))
        if newest is None:
            return source
        now = self._clock.now()
        empty = shapes.zero("BackupJobDetail")
        statistics = {
            "LastStartTime": newest.begins_at,
            "LastBackupJob": job_module.wire(newest, now),
            "LastSuccessfulBackupJob": job_module.wire(good, now) if good else empty,
        }
        return {**source, "Statistics": statistics}

    def _destinations(self, username: str, destinations: Wire, backups: list[Job]) -> Wire:
        """Storage Vaults with the size that the last backup into each of them measured."""
        user = self._users.get(username)
        vaults = {vault.guid: vault for vault in user.vaults} if user else {}
        filled = dict(destinations)
        for guid in destinations.keys() & vaults.keys():
            ends = [job.ends_at for job in backups if job.vault and job.vault.guid == guid]
            if not ends:
                continue
            statistics: Wire = shapes.zero("DestinationStatistics")
            size, moment = vaults[guid].size_at(max(ends)), max(ends)
            statistics["ClientProvidedSize"] = {
                "Size": size,
                "MeasureStarted": moment,
                "MeasureCompleted": moment,
            }
            filled[guid] = {**destinations[guid], "Statistics": statistics}
        return filled
