"""The emulated server: its parts, put together."""

import random
import secrets
from dataclasses import dataclass, field, replace
from typing import Any

from comet.emulator import events, shapes
from comet.emulator.accounts import Admins
from comet.emulator.auditfiles import AuditFiles
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
from comet.emulator.passwords import hash_password
from comet.emulator.plan import Plan
from comet.emulator.policyitems import PolicyItems
from comet.emulator.population import GIB, Device, Item, Population, Vault, populate
from comet.emulator.power import Power
from comet.emulator.presence import LiveConnection, Presence
from comet.emulator.profilebook import ProfileBook
from comet.emulator.protection import LoginProtection
from comet.emulator.records import Records
from comet.emulator.sessions import Session, Sessions
from comet.emulator.settings import Settings, seeded_config
from comet.emulator.snapshots import Snapshots
from comet.emulator.storage import seeded_buckets
from comet.emulator.tenants import Organizations, Policies
from comet.emulator.u2f import U2FTokens
from comet.emulator.webauthn import SecurityKeys
from comet.emulator.webhooks import Webhooks

Wire = dict[str, Any]
_LIVE_ROUNDS_TO = 3600
_SELF_BACKUP_SECONDS = 60
REVIVES_AFTER = 120  # seconds after which a device reports on a job that was given up


class WrongSeed(ValueError):
    """The data folder belongs to a server of another seed."""


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
        """The event a stream or webhook begins with."""
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


def build(options: Options) -> Server:
    """A server of these options, with what an earlier run left in its data folder."""
    journal = Journal(options.data)
    if journal.get("made", "seed") not in (None, options.seed):
        raise WrongSeed(f"the data in {options.data} was made with --seed {journal.get('made', 'seed')}")
    journal.put("made", "seed", options.seed)
    clock = Clock(speed=options.speed, starts_at=options.start_at)
    if (memory := journal.get("clock", "")) is not None:
        clock.recall(memory)
    journal.put("clock", "", clock.memory())
    live_since = journal.get("live", "since")
    if live_since is None:
        live_since = clock.seconds() // _LIVE_ROUNDS_TO * _LIVE_ROUNDS_TO
        journal.put("live", "since", live_since)
    population = populate(options.seed, options.users, options.organizations, options.version)
    fleet = Fleet(population, journal)
    jobs = JobBook(
        seed=options.seed,
        plan=Plan(options.seed, population, options.jobs_per_day, options.live_jobs_per_minute),
        population=population,
        fleet=fleet,
        clock=clock,
        journal=journal,
        days=options.days,
        jobs_per_day=options.jobs_per_day,
        live_since=live_since,
    )
    salt = Draw(options.seed, "salt").hex(16)
    policies = Policies(population, journal)
    profiles = ProfileBook(
        population=population,
        policies=policies,
        jobs=jobs,
        clock=clock,
        journal=journal,
        password_hash=hash_password(options.user_password, salt),
    )
    admins = Admins(journal)
    for admin in options.admins:
        admins.seed(admin.name, admin.password, admin.totp_secret)
    organizations = Organizations(population, journal)
    settings = Settings(journal, organizations, admins, _seeded_config(options))
    mangling = _mangling(options)
    server = Server(
        options=options,
        clock=clock,
        journal=journal,
        hub=EventHub(clock, options.stream_queue, mangling),
        admins=admins,
        sessions=Sessions(clock, journal, lambda: settings.session_seconds),
        organizations=organizations,
        policies=policies,
        profiles=profiles,
        jobs=jobs,
        faults=Faults(chance=random.Random(options.seed)),
        mangling=mangling,
        fleet=fleet,
        presence=Presence(options.seed, clock, journal),
        settings=settings,
        protection=LoginProtection(lambda: settings["LoginProtection"], clock.idle_now),
        news=Records(journal, "news"),
        groups=Records(journal, "group"),
        quotas=Records(journal, "quota"),
        buckets=Records(journal, "bucket", _seeded_buckets(options, population)),
        tokens=Records(journal, "token"),
        webhooks=Webhooks(settings, organizations),
        snapshots=Snapshots(jobs, journal),
        policy_items=PolicyItems(options.seed),
        u2f_tokens=U2FTokens(journal),
    )
    server.hub.sinks += [server.webhooks, AuditFiles(settings, organizations, clock, options.data)]
    server.note_start()
    server.sessions.on_expiry = lambda session: _tell_expiry(server, session)
    return server


def _mangling(options: Options) -> Mangling:
    """An older version lacks the fields that came later."""
    version = shapes.version_tuple(options.version)
    is_old = version < shapes.version_tuple(shapes.known_version())
    return Mangling(version=version if is_old else None, seed=options.seed)


def _seeded_config(options: Options) -> Wire:
    draw = Draw(options.seed, "config")
    return seeded_config(
        days=options.days,
        session_seconds=options.session_seconds,
        port=options.port,
        serial="-".join(draw.hex(4).upper() for _ in range(6)),
        bucket=draw.guid(),
    )


def _seeded_buckets(options: Options, population: Population) -> dict[str, Wire]:
    owners = [organization.guid for organization in population.organizations]
    return seeded_buckets(
        options.seed, owners, min((user.created_at for user in population.users), default=0)
    )


def _tell_expiry(server: Server, session: Session) -> None:
    event = events.ADMIN_SESSION_EXPIRE if session.kind == "admin" else events.USER_SESSION_EXPIRE
    server.hub.emit(event, actor=session.username, organization_id=session.organization_id)
