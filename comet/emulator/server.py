"""The emulated server: its parts, put together."""

import secrets
from dataclasses import dataclass, field, replace
from typing import Any

from comet.emulator import events, shapes
from comet.emulator.accounts import Admins
from comet.emulator.assumptions import Assumptions
from comet.emulator.clock import Clock
from comet.emulator.connections import Turn
from comet.emulator.draw import Draw
from comet.emulator.errors import Refusal
from comet.emulator.events import EventHub
from comet.emulator.faults import Faults
from comet.emulator.fleet import Fleet
from comet.emulator.job import ABANDONED, Job, wire
from comet.emulator.jobs import JobBook
from comet.emulator.journal import Journal
from comet.emulator.mangle import Mangling
from comet.emulator.options import Options
from comet.emulator.policyitems import PolicyItems
from comet.emulator.population import GIB, Device, Item, Vault
from comet.emulator.power import Power
from comet.emulator.presence import LiveConnection, Presence
from comet.emulator.profilebook import ProfileBook
from comet.emulator.protection import LoginProtection
from comet.emulator.records import Records
from comet.emulator.sessions import Sessions
from comet.emulator.settings import Settings
from comet.emulator.snapshots import Snapshots
from comet.emulator.tenants import Organizations, Policies
from comet.emulator.u2f import U2FTokens
from comet.emulator.webauthn import SecurityKeys
from comet.emulator.webhooks import Webhooks

Wire = dict[str, Any]
_SELF_BACKUP_SECONDS = 60
REVIVES_AFTER = 120  # seconds after which a device reports on a job that was given up


@dataclass
class Server:
    """State shared by all methods, streams and the control plane."""

    options: Options
    clock: Clock
    journal: Journal
    hub: EventHub
    admins: Admins
    sessions: Sessions
    organizations: Organizations
    policies: Policies
    profiles: ProfileBook
    jobs: JobBook
    faults: Faults
    mangling: Mangling
    fleet: Fleet
    presence: Presence
    settings: Settings
    protection: LoginProtection
    news: Records
    groups: Records
    quotas: Records
    buckets: Records
    tokens: Records
    webhooks: Webhooks
    snapshots: Snapshots
    policy_items: PolicyItems
    u2f_tokens: U2FTokens
    assumptions: Assumptions
    office_registrations: dict[str, int] = field(default_factory=dict)
    security_keys: SecurityKeys = field(default_factory=SecurityKeys)
    power: Power = field(default_factory=Power)
    started_at: int = 0
    start_hash: str = ""
    has_control: bool = False

    @property
    def devices(self) -> list[Device]:
        return self.fleet.all

    def note_start(self) -> None:
        """The server came up: it has a new start time and hash."""
        self.started_at = max(self.clock.seconds(), self.started_at + 1)  # who waits for it sees it change
        self.start_hash = secrets.token_hex(32)

    def new_guid(self) -> str:
        """The GUID of something a call makes: the same calls in the same order get the same ones."""
        number = self.journal.count("guids")
        return Draw(self.options.seed, "made by a call", number).guid()

    def live_connections(self) -> list[LiveConnection]:
        """Every live connection of a device that is still registered."""
        return [
            LiveConnection(turn, device)
            for device in self.devices
            if self.is_registered(device)
            for turn in self.presence.turns_of(device)
        ]

    def hello(self) -> Wire:
        """The event a stream begins with, and a webhook once it is set and after each start."""
        return self.hub.event(events.HELLO, data=self.version_info())

    def local_key(self, username: str) -> str:
        """The key by which a user's own devices sign in (AuthType LKey)."""
        return Draw(self.options.seed, "local key", username).hex(64)

    def note_email(self, count: int = 1) -> None:
        """So many emails were sent."""
        self.journal.put("emails", "sent", (self.journal.get("emails", "sent") or 0) + count)

    def note_self_backup(self, targets: int) -> None:
        """A self-backup to every target began; it takes a minute."""
        self.journal.put("self-backup", "", {"at": self.clock.seconds(), "targets": targets})

    def _self_backups(self) -> list[Wire]:
        """SelfBackupStatistics of each target."""
        held, now = self.journal.get("self-backup", ""), self.clock.seconds()
        targets = len(self.settings["SelfBackup"]["Targets"])
        if held is None:
            return [shapes.zero("SelfBackupStatistics") for _ in range(targets)]
        running = now < held["at"] + _SELF_BACKUP_SECONDS
        entry = {
            "CurrentRunStart": held["at"] if running else 0,
            "LastRunStart": 0 if running else held["at"],
            "LastRunEnd": 0 if running else held["at"] + _SELF_BACKUP_SECONDS,
            "LastRunSuccess": not running,
            "LastRunSize": 0 if running else GIB >> 4,
        }
        return [dict(entry) for _ in range(targets)]

    def is_registered(self, device: Device) -> bool:
        profile = self.profiles.stored(device.username)
        return profile is not None and device.device_id in profile["Devices"]

    def turn_of(self, device: Device) -> Turn | None:
        """A device's live connection; None while it is away, or once it is no longer registered."""
        return self.presence.turn_of(device) if self.is_registered(device) else None

    def item(self, device: Device, source: str, rule: str = "") -> Item:
        """A Protected Item of a device: a seeded one, or one that an API write added to the profile."""
        config = (self.profiles.stored(device.username) or {"Sources": {}})["Sources"].get(source)
        if config is None or config["OwnerDevice"] not in ("", device.device_id):
            raise Refusal(400, "Protected Item not found on this device")
        for item in device.items:
            if item.guid == source:
                return replace(item, rule_guid=rule) if rule else item
        return Item(source, rule, config["Engine"], config["Description"], 0, 4 * GIB, ())

    def vault(self, device: Device, destination: str) -> Vault:
        """A Storage Vault of the device's user: a seeded one, or one added since."""
        config = (self.profiles.stored(device.username) or {"Destinations": {}})["Destinations"].get(
            destination
        )
        if config is None:
            raise Refusal(400, "Storage Vault not found")
        user = self.profiles.user(device.username)
        for vault in user.vaults if user else ():
            if vault.guid == destination:
                return vault
        made_at = config["CreateTime"]
        return Vault(destination, config["Description"], config["DestinationType"], GIB, GIB >> 4, made_at)

    def is_backing_up(self, device: Device, source: str, destination: str) -> bool:
        """Whether a backup of that item into that vault is under way."""
        return any(
            job.device is device
            and job.item is not None
            and job.vault is not None
            and (job.item.guid, job.vault.guid) == (source, destination)
            for job in self.jobs.unfinished()
        )

    def note_update(self, device: Device) -> None:
        """The client software of a device became that of the server."""
        device.version = self.options.version
        self.journal.put("updated", f"{device.username}/{device.device_id}", device.version)
        profile = self.profiles.stored(device.username)
        if profile is not None and device.device_id in profile["Devices"]:
            config = {**profile["Devices"][device.device_id], "ClientVersion": device.version}
            self.profiles.change(device.username, Devices={**profile["Devices"], device.device_id: config})

    def tell_job(self, event_type: int, job: Job, moment: int) -> None:
        """Emit a job event with the whole job as it was at `moment`."""
        self.hub.emit(
            event_type,
            actor=job.username,
            organization_id=self.profiles.organization_of(job.username),
            resource_id=job.guid,
            data=wire(job, moment),
            moment=moment,
        )

    def end_job(self, job: Job, status: int) -> None:
        """Stop a running job with this status, as cancel and abandon do."""
        if not job.is_running(self.clock.now()):
            raise Refusal(400, "Job is not running")
        self.jobs.finish(job, status)
        self.profiles.note_job_end(job)
        if self.assumptions.tells_stopped_jobs:
            self.tell_job(events.JOB_COMPLETED, job, job.ends_at)

    def abandon_job(self, job: Job) -> int | None:
        """Mark a running job as given up; when its device reports again, if it is still at it."""
        now = self.clock.seconds()
        revives_at = now + REVIVES_AFTER
        if job.stalls_after or revives_at >= job.ends_at or self.turn_of(job.device) is None:
            self.end_job(job, ABANDONED)
            return None
        if not job.is_running(now):
            raise Refusal(400, "Job is not running")
        self.jobs.give_up(job, revives_at)
        if self.assumptions.tells_stopped_jobs:
            self.tell_job(events.JOB_COMPLETED, job, now)
        return revives_at

    def version_info(self) -> Wire:
        """ServerMetaVersionInfo."""
        info: Wire = shapes.zero("ServerMetaVersionInfo")
        licence = Draw(self.options.seed, "licence")
        now = self.clock.seconds()
        devices = self.profiles.device_count()
        info.update(
            Version=self.options.version,
            VersionCodename="Voyager",
            AuthenticationRole=self.settings.has_role("Auth"),
            SoftwareBuildRole=self.settings.has_role("Software Build"),
            StorageRole=self.settings.has_role("Storage"),
            ConstellationRole=self.settings.has_role("Constellation"),
            OverseerRole=self.settings.has_role("Constellation"),
            ServerStartTime=self.started_at,
            ServerStartHash=self.start_hash,
            CurrentTime=int(now + self.clock.drift),
            ServerLicenseHash=licence.hex(64),
            ServerLicenseFeaturesAll=True,
            ServerLicenseLimit={"deviceCount": devices // 25 * 25 + licence.pick((25, 50, 100))},
            ConfiguredDevices=devices,
            LicenseValidUntil=now // 86_400 * 86_400 + 300 * 86_400,
            EmailsSentSuccessfully=licence.between(200, 9000) + (self.journal.get("emails", "sent") or 0),
            ScheduledEmailThreadCurrentState=3,
            SelfBackup=self._self_backups(),
        )
        return info
