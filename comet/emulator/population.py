"""Who lives on the emulated server: organizations, users, devices, Protected Items and Storage Vaults.

A pure function of the seed. Nothing here depends on time; histories and live connections are derived from
these records in `plan.py` and `connections.py`.
"""

from dataclasses import dataclass, field

from comet.emulator import names
from comet.emulator.catalogue import ENGINES, HOURS, KINDS, PLATFORMS, TIMEZONES, VAULTS
from comet.emulator.draw import Draw

GIB = 1 << 30
DAY = 86_400
_FIRST_ACCOUNT = 1_672_560_000  # 2023-01-01: the oldest account was made after this
_ACCOUNT_SPAN = 850 * DAY
_IN_LOBBY = 3

STANDOUTS = (
    "failing",
    "silent",
    "stuck",
    "never",
    "offline",
    "failing",
    "silent",
    "never",
    "failing",
    "silent",
)


@dataclass(slots=True)
class Item:
    """A Protected Item with the backup rule that runs it."""

    guid: str
    rule_guid: str
    engine: str
    description: str
    hour: int  # of the device's day at which its schedule fires
    size_bytes: int
    vaults: tuple["Vault", ...]


@dataclass(slots=True)
class Vault:
    """A Storage Vault; it grows by `growth_bytes` a day from `created_at` on."""

    guid: str
    description: str
    destination_type: int
    base_bytes: int
    growth_bytes: int
    created_at: int

    def size_at(self, moment: float) -> int:
        days = max(0.0, (moment - self.created_at) / DAY)
        return self.base_bytes + int(self.growth_bytes * min(days, 1500.0))


@dataclass(slots=True)
class Device:
    """A computer of one user. `standout` is empty, or says how it differs from a healthy one."""

    index: int
    device_id: str
    username: str
    name: str
    kind: str
    platform: tuple[str, str, str, str, str]  # os, architecture, distribution, version, build
    version: str
    timezone: str
    address: str
    registered_at: int
    items: list[Item] = field(default_factory=list)
    standout: str = ""
    phase: int = 0  # days by which the story of a standout is shifted against the others of its kind
    allows_filenames: bool = True

    @property
    def platform_name(self) -> str:
        return f"{self.platform[0]}/{self.platform[1]}"


@dataclass(slots=True)
class User:
    """An end customer: one User Profile."""

    index: int
    username: str
    account_name: str
    organization_id: str
    policy_id: str
    creation_guid: str
    created_at: int
    timezone: str
    devices: list[Device] = field(default_factory=list)
    vaults: list[Vault] = field(default_factory=list)


@dataclass(slots=True)
class OrganizationSeed:
    guid: str
    name: str
    host: str


@dataclass(slots=True)
class PolicySeed:
    guid: str
    description: str
    organization_id: str
    default: bool


@dataclass(slots=True)
class Population:
    organizations: list[OrganizationSeed]
    policies: list[PolicySeed]
    users: list[User]
    lobby: list[Device]

    @property
    def devices(self) -> list[Device]:
        return [device for user in self.users for device in user.devices]


def populate(seed: int, users: int, organizations: int, server_version: str) -> Population:
    """Everybody on the server of this seed."""
    tenants = [
        OrganizationSeed(Draw(seed, "organization", i).guid(), name, f"{label}.localhost")
        for i, (name, label) in enumerate(names.organizations(seed, organizations))
    ]
    policies = _policies(seed, tenants)
    people = [
        _user(seed, index, company, tenants, policies, server_version)
        for index, company in enumerate(names.companies(seed, users))
    ]
    for number, device in enumerate(device for user in people for device in user.devices):
        device.index = number
    _mark_standouts(seed, [device for user in people for device in user.devices])
    return Population(tenants, policies, people, _lobby(seed, server_version))


def _policies(seed: int, tenants: list[OrganizationSeed]) -> list[PolicySeed]:
    chosen = [
        PolicySeed(Draw(seed, "policy", "standard").guid(), "Standard workstations", "", True),
        PolicySeed(Draw(seed, "policy", "servers").guid(), "Servers, no deletion", "", False),
    ]
    for tenant in tenants:
        guid = Draw(seed, "policy", tenant.guid).guid()
        chosen.append(PolicySeed(guid, f"{tenant.name} default", tenant.guid, True))
    return chosen


def _user(
    seed: int,
    index: int,
    company: str,
    tenants: list[OrganizationSeed],
    policies: list[PolicySeed],
    server_version: str,
) -> User:
    draw = Draw(seed, "user", index)
    organization_id = "" if not tenants or index % 2 == 0 else tenants[(index // 2) % len(tenants)].guid
    own_policies = [policy.guid for policy in policies if policy.organization_id == organization_id]
    user = User(
        index=index,
        username=names.slug(company),
        account_name=company,
        organization_id=organization_id,
        policy_id=draw.pick(own_policies) if draw.chance(0.8) else "",
        creation_guid=draw.guid(),
        created_at=_FIRST_ACCOUNT + draw.between(0, _ACCOUNT_SPAN),
        timezone=draw.pick(TIMEZONES),
    )
    for number in range(draw.weighted(((1, 50.0), (2, 38.0), (3, 12.0)))):
        description, kind = VAULTS[(index + number) % len(VAULTS)]
        user.vaults.append(
            Vault(
                guid=draw.guid(),
                description=description,
                destination_type=kind,
                base_bytes=draw.between(8, 400) * GIB,
                growth_bytes=draw.between(20, 900) * (GIB >> 10),
                created_at=user.created_at + 600,
            )
        )
    taken: set[str] = set()
    for number in range(draw.weighted(((1, 50.0), (2, 30.0), (3, 14.0), (4, 6.0)))):
        user.devices.append(_device(Draw(seed, "device", index, number), user, taken, server_version))
    return user


def _lobby(seed: int, server_version: str) -> list[Device]:
    """Computers on which the client was installed and nobody has signed in yet."""
    nobody = User(-1, "", "", "", "", "", _FIRST_ACCOUNT, "Europe/London")
    taken: set[str] = set()
    waiting = [_device(Draw(seed, "lobby", i), nobody, taken, server_version) for i in range(_IN_LOBBY)]
    for device in waiting:
        device.items.clear()
    return waiting


def _device(draw: Draw, user: User, taken: set[str], server_version: str) -> Device:
    kind = draw.weighted(KINDS)
    name = draw.pick([n for n in names.DEVICE_NAMES[kind] if n not in taken])
    taken.add(name)
    device = Device(
        index=0,
        device_id=draw.hex(64),
        username=user.username,
        name=name,
        kind=kind,
        platform=draw.pick(PLATFORMS[kind]),
        version=draw.weighted(((server_version, 70.0), ("25.9.6", 12.0), ("25.6.8", 10.0), ("24.12.5", 8.0))),
        timezone=user.timezone,
        address=f"{draw.pick(('192.0.2', '198.51.100', '203.0.113'))}.{draw.between(2, 250)}",
        registered_at=user.created_at + draw.between(1, 40) * 3600,
        allows_filenames=draw.chance(0.9),
    )
    engines = ENGINES[kind]
    first, *others = engines
    wanted = draw.weighted(((2, 60.0), (3, 40.0)))
    for engine, description in [first, *draw.shuffled(others)][:wanted]:
        device.items.append(
            Item(
                guid=draw.guid(),
                rule_guid=draw.guid(),
                engine=engine,
                description=description,
                hour=draw.weighted(HOURS),
                size_bytes=int(GIB * 2 ** (draw.unit() * 9)),
                vaults=tuple(user.vaults),
            )
        )
    return device


def _mark_standouts(seed: int, devices: list[Device]) -> None:
    """A handful of devices differ; in a very small population fewer do, in a large one more."""
    rounds = 1 + len(devices) // 300
    wanted = (STANDOUTS * rounds)[: len(devices) // 5]
    for number, (device, standout) in enumerate(
        zip(Draw(seed, "standouts").shuffled(devices), wanted, strict=False)
    ):
        device.standout = standout
        device.phase = 5 * wanted[:number].count(standout)
