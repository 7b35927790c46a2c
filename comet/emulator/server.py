"""The emulated server: its parts, put together."""

import secrets
from dataclasses import dataclass, field
from typing import Any

from comet.emulator import events, shapes
from comet.emulator.accounts import Admins
from comet.emulator.clock import Clock
from comet.emulator.connections import Turn, connection_at
from comet.emulator.draw import Draw
from comet.emulator.errors import Refusal, unauthorised
from comet.emulator.events import EventHub
from comet.emulator.faults import Faults
from comet.emulator.job import Job, wire
from comet.emulator.jobs import JobBook
from comet.emulator.journal import Journal
from comet.emulator.options import Options
from comet.emulator.passwords import hash_password
from comet.emulator.plan import Plan
from comet.emulator.population import Device, populate
from comet.emulator.profilebook import ProfileBook
from comet.emulator.sessions import Session, Sessions
from comet.emulator.tenants import Organizations, Policies

Wire = dict[str, Any]
_LIVE_ROUNDS_TO = 3600


class WrongSeed(ValueError):
    """The data folder belongs to a server of another seed."""


@dataclass(frozen=True, slots=True)
class LiveConnection:
    """A device that is connected right now."""

    turn: Turn
    device: Device


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
    started_at: int
    devices: list[Device]
    start_hash: str = field(default_factory=lambda: secrets.token_hex(32))

    def live_connections(self) -> list[LiveConnection]:
        """Every device that is connected now and still registered."""
        found = ((self.turn_of(device), device) for device in self.devices)
        return [LiveConnection(turn, device) for turn, device in found if turn]

    def turn_of(self, device: Device) -> Turn | None:
        """A device's live connection; None while it is away, or once it is no longer registered."""
        profile = self.profiles.stored(device.username)
        if profile is None or device.device_id not in profile["Devices"]:
            return None
        return connection_at(self.options.seed, device, self.clock.now())

    def connection(self, target_id: str, organization_id: str | None) -> LiveConnection:
        """The live connection of that GUID, if the organization may see it; refused otherwise."""
        for live in self.live_connections():
            owner = self.profiles.organization_of(live.device.username)
            if live.turn.guid == target_id and organization_id in (None, owner):
                return live
        raise unauthorised()

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

    def version_info(self) -> Wire:
        """ServerMetaVersionInfo."""
        info: Wire = shapes.zero("ServerMetaVersionInfo")
        licence = Draw(self.options.seed, "licence")
        now = self.clock.seconds()
        devices = self.profiles.device_count()
        info.update(
            Version=self.options.version,
            VersionCodename="Voyager",
            AuthenticationRole=True,
            SoftwareBuildRole=True,
            StorageRole=True,
            ServerStartTime=self.started_at,
            ServerStartHash=self.start_hash,
            CurrentTime=now,
            ServerLicenseHash=licence.hex(64),
            ServerLicenseFeaturesAll=True,
            ServerLicenseLimit={"deviceCount": devices // 25 * 25 + licence.pick((25, 50, 100))},
            ConfiguredDevices=devices,
            LicenseValidUntil=now // 86_400 * 86_400 + 300 * 86_400,
            EmailsSentSuccessfully=licence.between(200, 9000),
            ScheduledEmailThreadCurrentState=3,
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
    jobs = JobBook(
        seed=options.seed,
        plan=Plan(options.seed, population, options.jobs_per_day, options.live_jobs_per_minute),
        population=population,
        clock=clock,
        journal=journal,
        days=options.days,
        jobs_per_day=options.jobs_per_day,
        live_since=live_since,
    )
    salt = Draw(options.seed, "salt").hex(16)
    policies = Policies(population)
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
    server = Server(
        options=options,
        clock=clock,
        journal=journal,
        hub=EventHub(clock, options.stream_queue),
        admins=admins,
        sessions=Sessions(clock, journal, options.session_seconds),
        organizations=Organizations(population, journal),
        policies=policies,
        profiles=profiles,
        jobs=jobs,
        faults=Faults(),
        started_at=clock.seconds(),
        devices=population.devices,
    )
    server.sessions.on_expiry = lambda session: _tell_expiry(server, session)
    return server


def _tell_expiry(server: Server, session: Session) -> None:
    event = events.ADMIN_SESSION_EXPIRE if session.kind == "admin" else events.USER_SESSION_EXPIRE
    server.hub.emit(event, actor=session.username, organization_id=session.organization_id)
