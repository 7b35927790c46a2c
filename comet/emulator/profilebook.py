"""User Profiles as they stand now: seeded, overlaid by API writes, with statistics that follow the jobs."""

import hashlib
from typing import Any

import msgspec

from comet.emulator import job as job_module
from comet.emulator import profiles, shapes
from comet.emulator.clock import Clock
from comet.emulator.job import BACKUP, Job
from comet.emulator.jobs import JobBook, note_backup
from comet.emulator.journal import Journal
from comet.emulator.population import Device, Population, User

Wire = dict[str, Any]
LastBackups = dict[str, tuple[Job | None, Job | None]]
_ENCODER = msgspec.json.Encoder(order="sorted")


class ProfileBook:
    """Reads and writes User Profiles.

    A profile's hash covers what callers may write. Statistics are the server's own: they are added when a
    profile is read, ignored when it is written, and do not change the hash.
    """

    def __init__(
        self, *, population: Population, jobs: JobBook, clock: Clock, journal: Journal, password_hash: str
    ) -> None:
        self._jobs = jobs
        self._clock = clock
        self._journal = journal
        self._users: dict[str, User] = {user.username: user for user in population.users}
        self._stored: dict[str, Wire] = {
            user.username: profiles.user_profile(user, password_hash) for user in population.users
        }
        for username, profile in journal.all("profile").items():
            self._stored[username] = profile
        self._encoded: dict[str, bytes] = {}
        self._hashes: dict[str, str] = {}
        self._last: dict[tuple[str, str], LastBackups] = {}

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

    def devices_of(self, username: str) -> list[Device]:
        """The devices that are still registered in a user's profile."""
        registered = self._stored[username]["Devices"]
        return [device for device in self._users[username].devices if device.device_id in registered]

    def user(self, username: str) -> User | None:
        return self._users.get(username)

    def full(self, username: str) -> Wire:
        """The whole profile, statistics included."""
        whole = dict(self._stored[username])
        last = self._last_backups(username)
        whole["Sources"] = {guid: self._source(guid, s, last) for guid, s in whole["Sources"].items()}
        whole["Destinations"] = self._destinations(username, whole["Destinations"], last)
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
        fresh = dict(profile)
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
        if job.classification == BACKUP and job.item:
            found = self._last.get((job.username, job.device.device_id))
            if found is not None:
                note_backup(found, job)
        self._encoded.pop(job.username, None)

    def _last_backups(self, username: str) -> LastBackups:
        merged: LastBackups = {}
        user = self._users.get(username)
        for device in user.devices if user else ():
            key = (username, device.device_id)
            if key not in self._last:
                self._last[key] = self._jobs.last_backups(device)
            merged.update(self._last[key])
        return merged

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

    def _destinations(self, username: str, destinations: Wire, last: LastBackups) -> Wire:
        user = self._users.get(username)
        vaults = {vault.guid: vault for vault in user.vaults} if user else {}
        filled = dict(destinations)
        for guid in destinations.keys() & vaults.keys():
            ends = [
                good.ends_at for _, good in last.values() if good and good.vault and good.vault.guid == guid
            ]
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
