"""User Profiles as they stand now: seeded, overlaid by API writes, with statistics that follow the jobs."""

from collections.abc import Iterator
from typing import Any

import msgspec

from comet.emulator import job as job_module
from comet.emulator import profiles, shapes
from comet.emulator.clock import Clock
from comet.emulator.enforcement import enforced
from comet.emulator.job import Job
from comet.emulator.jobs import JobBook
from comet.emulator.journal import Journal
from comet.emulator.population import Population, User
from comet.emulator.statistics import LastBackups
from comet.emulator.tenants import Policies

Wire = dict[str, Any]
_ENCODER = msgspec.json.Encoder()
_MADE = "rule-made"


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
        secret_mark: str = "",
    ) -> None:
        self._policies = policies
        self._jobs = jobs
        self._clock = clock
        self._journal = journal
        self._users: dict[str, User] = {user.username: user for user in population.users}
        self._stored: dict[str, Wire] = {
            user.username: self._with_policy(profiles.user_profile(user, password_hash, secret_mark))
            for user in population.users
        }
        for username, profile in journal.all("profile").items():
            if profile is None:
                self._stored.pop(username, None)
            else:
                self._stored[username] = self._with_policy(profile)
        devices = [device for user in population.users for device in user.devices]
        self._seeded_rules = {item.rule_guid for device in devices for item in device.items}
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

    def user(self, username: str) -> User | None:
        return self._users.get(username)

    def full(self, username: str) -> Wire:
        """The whole profile, statistics included."""
        whole = dict(self._stored[username])
        whole["Sources"] = {guid: self._source(guid, entry) for guid, entry in whole["Sources"].items()}
        vaults = whole["Destinations"].items()
        whole["Destinations"] = {guid: self._destination(guid, entry) for guid, entry in vaults}
        return whole

    def encoded(self, username: str) -> bytes:
        """The whole profile as JSON; encoded again only after it changed."""
        if username not in self._encoded:
            self._encoded[username] = msgspec.json.encode(self.full(username))
        return self._encoded[username]

    def encoded_list(self, organization_id: str | None) -> bytes:
        """All profiles of one organization (of all with None) by user name, as JSON."""
        names = self.names(organization_id)
        return b"{" + b",".join([_ENCODER.encode(name) + b":" + self.encoded(name) for name in names]) + b"}"

    def made_rules(self) -> Iterator[tuple[str, str, int]]:
        """User name, GUID and moment of the last change, of each schedule that API writes made or changed."""
        for key, since in list(self._journal.all(_MADE).items()):
            username, _, guid = key.partition("/")
            yield username, guid, since

    def in_group(self, group_id: str) -> list[str]:
        return [name for name, profile in self._stored.items() if profile["GroupID"] == group_id]

    def bytes_under_quota(self, quota_id: str) -> int:
        """What the vaults that share a quota hold together, by their last measure."""
        total = 0
        for name, profile in self._stored.items():
            sharing = [g for g, v in profile["Destinations"].items() if v["StorageLimitID"] == quota_id]
            vaults = self.full(name)["Destinations"] if sharing else {}
            for guid in sharing:
                statistics = vaults[guid].get("Statistics") or {"ClientProvidedSize": {"Size": 0}}
                total += statistics["ClientProvidedSize"]["Size"]
        return total

    def leave_quota(self, quota_id: str) -> list[str]:
        """Free every vault of a quota; who had one."""
        changed = []
        for name, profile in list(self._stored.items()):
            vaults = profile["Destinations"]
            if any(vault["StorageLimitID"] == quota_id for vault in vaults.values()):
                freed = {
                    guid: {
                        **vault,
                        "StorageLimitID": ""
                        if vault["StorageLimitID"] == quota_id
                        else vault["StorageLimitID"],
                    }
                    for guid, vault in vaults.items()
                }
                self.change(name, Destinations=freed)
                changed.append(name)
        return changed

    def remove_items(self, username: str, sources: set[str]) -> None:
        """Remove Protected Items with their schedules."""
        profile = self._stored[username]
        self.change(
            username,
            Sources={g: source for g, source in profile["Sources"].items() if g not in sources},
            BackupRules={g: r for g, r in profile["BackupRules"].items() if r["Source"] not in sources},
        )

    def hash(self, username: str) -> str:
        if username not in self._hashes:
            self._hashes[username] = shapes.content_hash(self._stored[username])
        return self._hashes[username]

    def write(self, username: str, profile: Wire) -> None:
        """Replace a profile. Jobs of Protected Items that are gone from it begin no more."""
        fresh = self._with_policy(profile)
        for block in ("Sources", "Destinations"):
            fresh[block] = {
                guid: {k: v for k, v in entry.items() if k != "Statistics"}
                for guid, entry in fresh[block].items()
            }
        before = self._stored.get(username, {"Sources": {}})["Sources"].keys()
        for guid in before - fresh["Sources"].keys():
            self._journal.put("stopped", guid, self._clock.seconds())
        self._note_rules(username, fresh["BackupRules"])
        for guid in fresh["Sources"].keys() - before:
            self._journal.forget("stopped", guid)
        self._stored[username] = fresh
        self._journal.put("profile", username, fresh)
        self._hashes.pop(username, None)
        self._encoded.pop(username, None)

    def _note_rules(self, username: str, rules: dict[str, Wire]) -> None:
        """Remember which schedules a write makes, changes and removes, and when."""
        held = (self._stored.get(username) or {"BackupRules": {}})["BackupRules"]
        now = self._clock.seconds()
        for guid in sorted(held.keys() | rules.keys()):
            if held.get(guid) == rules.get(guid):
                continue
            if guid in self._seeded_rules:
                self._journal.put("stopped", guid, now)
            if guid in rules:
                self._journal.put(_MADE, f"{username}/{guid}", now)
            elif self._journal.get(_MADE, f"{username}/{guid}") is not None:
                self._journal.forget(_MADE, f"{username}/{guid}")

    def change(self, username: str, **fields: Any) -> None:
        """Write some fields of a profile."""
        self.write(username, {**self._stored[username], **fields})

    def delete(self, username: str) -> None:
        """Remove a user with his job history."""
        for guid in self._stored[username]["Sources"]:
            self._journal.put("stopped", guid, self._clock.seconds())
        self._note_rules(username, {})
        del self._stored[username]
        self._journal.put("profile", username, None)
        self._jobs.forget_user(username)
        self._hashes.pop(username, None)
        self._encoded.pop(username, None)

    def follow_policy(self, policy_id: str) -> list[str]:
        """Let the profiles of a changed policy follow it; who changed."""
        changed = []
        for username, profile in self._stored.items():
            if profile["PolicyID"] == policy_id:
                self._stored[username] = self._with_policy(profile)
                self._hashes.pop(username, None)
                self._encoded.pop(username, None)
                changed.append(username)
        return changed

    def note_job_end(self, job: Job) -> None:
        """Let the statistics follow a job that just ended."""
        if self._last is not None:
            self._last.note(job)
        self._encoded.pop(job.username, None)

    def _with_policy(self, profile: Wire) -> Wire:
        """A copy whose Policy block is that of the policy it names, and which obeys it."""
        policy = self._policies.get(profile["PolicyID"])
        return enforced({**profile, "Policy": policy["Policy"]}) if policy else dict(profile)

    def _last_backups(self) -> LastBackups:
        if self._last is None:
            self._last = self._jobs.last_backups()
        return self._last

    def _source(self, guid: str, source: Wire) -> Wire:
        """A Protected Item with its last backups; one that never ran has no statistics."""
        backups = self._last_backups().of_item.get(guid)
        if backups is None:
            return source
        now, good = self._clock.now(), backups.newest_good
        statistics = {
            "LastStartTime": backups.newest.begins_at,
            "LastBackupJob": job_module.wire(backups.newest, now),
            "LastSuccessfulBackupJob": job_module.wire(good, now) if good else shapes.zero("BackupJobDetail"),
        }
        return {**source, "Statistics": statistics}

    def _destination(self, guid: str, destination: Wire) -> Wire:
        """A Storage Vault with the size that the last backup into it measured."""
        last = self._last_backups().into_vault.get(guid)
        if last is None or last.vault is None:
            return destination
        moment = last.ends_at
        statistics: Wire = shapes.zero("DestinationStatistics")
        statistics["ClientProvidedSize"] = {
            "Size": last.vault.size_at(moment),
            "MeasureStarted": moment,
            "MeasureCompleted": moment,
        }
        return {**destination, "Statistics": statistics}
