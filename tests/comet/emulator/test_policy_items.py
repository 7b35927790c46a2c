"""What a policy brings to new devices and new users, and what stays linked with it."""

import json

import pytest

from tests.comet.conformance.world import World, document
from tests.comet.emulator.conftest import START_AT
from tests.emulator_process import start_emulator

WINDOWS, MACOS, LINUX = 1, 4, 5
SYSTEMS = {"windows": WINDOWS, "darwin": MACOS, "linux": LINUX}
ENFORCED_ON, ENFORCED_OFF, DEFAULT_ON = 3, 4, 1


@pytest.fixture
def world():
    with start_emulator(users=8, jobs_per_day=20, days=2, start_at=START_AT) as process:
        yield World(process)


def source(description: str, *, linked: bool = False) -> dict:
    return json.loads(
        document("SourceConfig", Engine="engine1/file", Description=description, ExistingUserUpdate=linked)
    )


def rule(description: str, *, source: str = "", vault: str = "") -> dict:
    daily = json.loads(document("ScheduleConfig", FrequencyType=8011, SecondsPast=3600))
    return json.loads(
        document(
            "BackupRuleConfig", Description=description, Source=source, Destination=vault, Schedules=[daily]
        )
    )


def policy(world: World, guid: str = "", **fields) -> str:
    guid = guid or world.name("policy")
    whole = json.loads(document("GroupPolicy", Description=guid))
    whole["Policy"].update(fields)
    world.call("admin/policies/set", PolicyID=guid, Policy=json.dumps(whole))
    return guid


def user_of(world: World, policy_id: str) -> str:
    name = world.user()
    move(world, name, policy_id)
    return name


def move(world: World, name: str, policy_id: str) -> None:
    profile = {**world.profile(name), "PolicyID": policy_id}
    world.call("admin/set-user-profile", TargetUser=name, ProfileData=json.dumps(profile))


def vault(world: World, name: str) -> str:
    template = world.templates()[0]["ID"]
    made = world.call("admin/request-storage-vault", TargetUser=name, StorageProvider=template)
    world.emulator.order("advance", seconds=1)
    return made["DestinationID"]


def register(world: World, name: str) -> tuple[str, str]:
    """A waiting device becomes the user's; its ID and system."""
    device, waiting = next(iter(world.call("admin/installation/list-active").items()))
    given = {"TargetUser": name, "TargetPassword": "made-password", "TargetTOTPCode": ""}
    assert world.call("admin/installation/dispatch/register-device", DeviceID=device, **given) == "OK"
    return device, waiting["ReportedPlatform"].partition("/")[0]


def items(world: World, name: str) -> dict[str, dict]:
    """Description -> Protected Item, with its GUID."""
    return {s["Description"]: {**s, "GUID": guid} for guid, s in world.profile(name)["Sources"].items()}


def rules(world: World, name: str, guid: str) -> list[tuple[str, str]]:
    found = world.profile(name)["BackupRules"].values()
    return sorted((r["Description"], r["Destination"]) for r in found if r["Source"] == guid)


def test_a_new_device_gets_the_default_items_that_fit_it_with_their_schedules(world):
    restricted = {
        f"for {name}": {"SourceConfig": source(name), "RestrictOS": number}
        for name, number in SYSTEMS.items()
    }
    guid = policy(
        world,
        DefaultSources={"any": source("Everywhere")},
        DefaultSourcesWithOSRestriction={
            **restricted,
            "always": {"SourceConfig": source("Always"), "RestrictOS": 0},
        },
        DefaultSourcesBackupRules={
            "latest": rule("Latest", source="any", vault="1100"),
            "every": rule("Every", source="any", vault="1101"),
            "s3": rule("Never", source="any", vault="1000"),
        },
        DefaultBackupRules={"default": rule("Default")},
    )
    name = user_of(world, guid)
    first, second = vault(world, name), vault(world, name)

    device, system = register(world, name)

    given = items(world, name)
    assert set(given) == {"Everywhere", "Always", system}
    assert {item["OwnerDevice"] for item in given.values()} == {device}
    assert {item["PolicySourceID"] for item in given.values()} == {"any", "always", f"for {system}"}
    assert all(item["CreateTime"] >= START_AT for item in given.values())
    own = rules(world, name, given["Everywhere"]["GUID"])
    assert own == sorted([("Every", first), ("Every", second), ("Latest", second)])
    assert rules(world, name, given["Always"]["GUID"]) == [("Default", second)]
    target = next(
        g for g, live in world.call("admin/dispatcher/list-active").items() if live["DeviceID"] == device
    )
    started = world.call(
        "admin/dispatcher/run-backup-custom",
        TargetID=target,
        Source=given["Everywhere"]["GUID"],
        Destination=first,
    )
    assert started["Status"] == 200


def test_schedules_wait_for_the_first_vault(world):
    guid = policy(
        world,
        DefaultSources={"any": source("Everywhere")},
        DefaultSourcesBackupRules={"every": rule("Every", source="any", vault="1101")},
    )
    name = user_of(world, guid)
    register(world, name)
    item = items(world, name)["Everywhere"]["GUID"]
    assert rules(world, name, item) == []

    made = [vault(world, name), vault(world, name)]

    assert rules(world, name, item) == sorted(("Every", guid) for guid in made)


def test_devices_that_are_there_get_linked_items_alone_and_follow_the_policy(world):
    plain = {"once": source("Once")}
    guid = policy(world, DefaultSources=plain)
    name = user_of(world, guid)
    register(world, name)
    linked = {**plain, "linked": source("Linked", linked=True)}

    policy(world, guid, DefaultSources=linked)
    assert set(items(world, name)) == {"Once", "Linked"}
    changed = {"once": source("Once, changed"), "linked": source("Linked, changed", linked=True)}
    policy(world, guid, DefaultSources=changed)

    assert set(items(world, name)) == {"Once", "Linked, changed"}
    world.emulator.kill()
    world.emulator.restart()
    assert set(items(world, name)) == {"Once", "Linked, changed"}
    world.call(
        "admin/policies/set",
        PolicyID=guid,
        Policy=document("GroupPolicy", Description="empty"),
        Options=json.dumps({"DeleteSources": ["linked"]}),
    )
    assert set(items(world, name)) == {"Once"}


def test_a_user_who_comes_under_a_policy_gets_its_linked_items(world):
    name = world.user()
    register(world, name)
    guid = policy(world, DefaultSources={"a": source("Plain"), "b": source("Linked", linked=True)})

    move(world, name, guid)

    assert set(items(world, name)) == {"Linked"}


def test_an_item_that_comes_without_schedules_gets_the_default_ones(world):
    name = user_of(world, policy(world, DefaultBackupRules={"default": rule("Default", vault="1100")}))
    made = vault(world, name)

    with_default = world.source(name)
    world.call(
        "admin/set-protected-item-with-backup-rules",
        TargetUser=name,
        SourceID="own",
        Source=json.dumps(source("Own")),
        BackupRules=json.dumps({"mine": rule("Mine", vault=made)}),
    )

    assert rules(world, name, with_default) == [("Default", made)]
    assert rules(world, name, "own") == [("Mine", made)]


def test_a_new_vault_begins_with_the_policys_retention(world):
    kept = {"Mode": 802, "Ranges": [json.loads(document("RetentionRange", Type=900, Jobs=7))]}
    name = user_of(world, policy(world, DefaultStorageVaultRetention=kept))

    made = vault(world, name)

    assert world.profile(name)["Destinations"][made]["DefaultRetention"] == kept


@pytest.mark.parametrize(
    ("mode", "asked", "expected"),
    [
        (ENFORCED_ON, {}, True),
        (ENFORCED_OFF, {"StoreRecoveryCode": 1, "RequirePasswordChange": 1}, False),
        (DEFAULT_ON, {}, True),
        (DEFAULT_ON, {"StoreRecoveryCode": 0, "RequirePasswordChange": 0}, False),
        (0, {"StoreRecoveryCode": 1, "RequirePasswordChange": 1}, True),
    ],
)
def test_a_new_user_of_the_default_policy_is_made_as_it_wants(world, mode, asked, expected):
    guid = world.name("policy")
    whole = json.loads(document("GroupPolicy", Description=guid, DefaultUserPolicy=True))
    whole["Policy"].update(ModeAdminResetPassword=mode, ModeRequireUserResetPassword=mode)
    world.call("admin/policies/set", PolicyID=guid, Policy=json.dumps(whole))

    profile = world.profile(world.user(**asked))

    assert profile["PolicyID"] == guid
    assert (bool(profile.get("PasswordRecovery")), profile["RequirePasswordChange"]) == (expected, expected)


def test_trying_again_can_be_enforced(world):
    name = user_of(world, policy(world, ModeScheduleLastJobFailDoRetry=ENFORCED_ON))
    vault(world, name)
    world.call(
        "admin/set-protected-item-with-backup-rules",
        TargetUser=name,
        SourceID="own",
        Source=json.dumps(source("Own")),
        BackupRules=json.dumps({"mine": rule("Mine")}),
    )

    [made] = world.profile(name)["BackupRules"].values()

    assert made["EventTriggers"] == {
        "OnLastJobFailDoRetry": True,
        "LastJobFailDoRetryCount": 1,
        "LastJobFailDoRetryTime": 30,
    }
