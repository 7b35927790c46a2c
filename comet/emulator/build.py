"""Puts a server together: from its options, and from what an earlier run left in its data folder."""

import random
from typing import Any

from comet.emulator import events, shapes
from comet.emulator.accounts import Admins
from comet.emulator.assumptions import Assumptions
from comet.emulator.auditfiles import AuditFiles
from comet.emulator.clock import Clock
from comet.emulator.draw import Draw
from comet.emulator.events import EventHub
from comet.emulator.faults import Faults
from comet.emulator.fleet import Fleet
from comet.emulator.jobs import JobBook
from comet.emulator.journal import Journal
from comet.emulator.mangle import Mangling
from comet.emulator.options import Options
from comet.emulator.passwords import hash_password
from comet.emulator.plan import Plan
from comet.emulator.policyitems import PolicyItems
from comet.emulator.population import Population, populate
from comet.emulator.presence import Presence
from comet.emulator.profilebook import ProfileBook
from comet.emulator.protection import LoginProtection
from comet.emulator.records import Records
from comet.emulator.server import Server
from comet.emulator.sessions import Session, Sessions
from comet.emulator.settings import Settings, seeded_config
from comet.emulator.snapshots import Snapshots
from comet.emulator.storage import seeded_buckets
from comet.emulator.tenants import Organizations, Policies
from comet.emulator.u2f import U2FTokens
from comet.emulator.webhooks import Webhooks

Wire = dict[str, Any]
_LIVE_ROUNDS_TO = 3600


class WrongSeed(ValueError):
    """The data folder belongs to a server of another seed."""


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
    salt = options.secret_mark + Draw(options.seed, "salt").hex(16)
    policies = Policies(population, journal)
    profiles = ProfileBook(
        population=population,
        policies=policies,
        jobs=jobs,
        clock=clock,
        journal=journal,
        password_hash=hash_password(options.user_password, salt),
        secret_mark=options.secret_mark,
    )
    admins = Admins(journal)
    for admin in options.admins:
        admins.seed(admin.name, admin.password, admin.totp_secret)
    organizations = Organizations(population, journal)
    settings = Settings(journal, organizations, admins, _seeded_config(options))
    mangling = _mangling(options)
    assumptions = Assumptions()
    server = Server(
        options=options,
        clock=clock,
        journal=journal,
        hub=EventHub(clock, options.stream_queue, mangling),
        admins=admins,
        sessions=Sessions(clock, journal, lambda: settings.session_seconds, options.secret_mark),
        organizations=organizations,
        policies=policies,
        profiles=profiles,
        jobs=jobs,
        faults=Faults(chance=random.Random(options.seed)),
        mangling=mangling,
        fleet=fleet,
        presence=Presence(options.seed, clock, journal),
        settings=settings,
        protection=LoginProtection(lambda: settings["LoginProtection"], clock.idle_now, assumptions),
        news=Records(journal, "news"),
        groups=Records(journal, "group"),
        quotas=Records(journal, "quota"),
        buckets=Records(journal, "bucket", _seeded_buckets(options, population)),
        tokens=Records(journal, "token"),
        webhooks=Webhooks(settings, organizations),
        snapshots=Snapshots(jobs, journal),
        policy_items=PolicyItems(options.seed),
        u2f_tokens=U2FTokens(journal),
        assumptions=assumptions,
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
