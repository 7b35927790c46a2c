"""Every method that changes something: what it did is read by another method, and again after a kill."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from comet.spec.safe import is_safe
from tests.comet.conformance.test_answers import APART, path_of
from tests.comet.conformance.world import METHODS, Wire, World, parameters, secret_of, totp
from tests.comet.emulator.conftest import START_AT
from tests.emulator_process import start_emulator

Check = Callable[[Any], bool]
Watch = Callable[[World, Wire], Check]

# What asks a device or the outside world and changes nothing on the server.
ASKS = re.compile(
    r"(Admin|User|UserWeb)(Dispatcher)?(Request(?!StorageVault$).*|Browse.*|Office365List.*|SearchSnapshots"
    r"|PingDestination|TestSmbAuth|EmailPreview|RefetchProfile|StoragePingDestination|.*Test|.*ValidateTotp"
    r"|.*RequestRegistrationChallenge|RegisterOfficeApplication.*)"
)
NOTHING_TO_READ = {
    "AdminCreateInstallToken": "no method reads tokens",
    "AdminDispatcherUpdateLoginPassword": "the device keeps it",
    "UserWebDispatcherUpdateLoginPassword": "the device keeps it",
    "AdminMetaPsaConfigListSyncNow": "the PSA keeps it",
    "AdminOrganizationExport": "the storage location keeps it",
}
STATE = (Path(__file__).parent / "test_state.py").read_text("utf-8")
IN_STATE = {
    name
    for name, method in METHODS.items()
    for label in re.findall(r'keep\(\s*"([^"]+)"', STATE)
    if method["path"].endswith(f"/{label}")
}
WATCHES: dict[str, Watch] = {}


def watch(*names: str) -> Callable[[Watch], Watch]:
    def register(found: Watch) -> Watch:
        WATCHES.update(dict.fromkeys(names, found))
        return found

    return register


def both(*names: str) -> tuple[str, ...]:
    """Dispatcher methods of admins, with their twins for end users where there are any."""
    twins = [f"{kind}Dispatcher{name}" for name in names for kind in ("Admin", "UserWeb")]
    return tuple(name for name in twins if name in METHODS)


def owner(world: World, given: Wire) -> str:
    return given.get("Username") or world._live[given["TargetID"]]["Username"]


@watch(
    *both("RunBackup", "RunBackupCustom", "RunRestore", "RunRestoreCustom", "ApplyRetentionRules"),
    *both("DeepverifyStorageVault", "ReindexStorageVault", "Unlock", "ImportApply", "UpdateSoftware"),
    *both("UninstallSoftware", "DeleteSnapshot", "DeleteSnapshots"),
)
def a_job_more(world: World, given: Wire) -> Check:
    name = owner(world, given)

    def jobs() -> set[str]:
        return {job["GUID"] for job in world.call("admin/get-jobs-for-user", TargetUser=name)}

    before = jobs()
    return lambda _: bool(jobs() - before)


@watch(*both("DropConnection", "KillProcess", "ForceLogin", "UpdateLoginUrl"))
def the_connection_gone(world: World, given: Wire) -> Check:
    return lambda _: given["TargetID"] not in world.call("admin/dispatcher/list-active")


@watch("AdminInstallationDispatchDropConnection")
def another_connection(world: World, given: Wire) -> Check:
    def since() -> int:
        waiting = world.call("admin/installation/list-active").get(given["DeviceID"])
        return waiting["ConnectionTime"] if waiting else 0

    before = since()
    return lambda _: since() != before


@watch("AdminJobCancel", "AdminJobAbandon", "UserWebJobCancel")
def the_job_ended(world: World, given: Wire) -> Check:
    return lambda _: world.call("admin/get-job-properties", JobID=given["JobID"])["Status"] >= 7000


@watch(
    "AdminConvertStorageRole",
    "AdminSetUserProfileHash",
    "UserWebSetProfileHash",
    "UserWebSetProtectedItemWithBackupRules",
    "UserWebDeleteProtectedItem",
    "UserWebAccountResetPassword",
    "UserWebAccountRegenerateTotp",
    "UserWebRequestStorageVault",
)
def another_profile(world: World, given: Wire) -> Check:
    name = given.get("TargetUser") or given["Username"]
    before = world.hash(name)
    return lambda _: world.hash(name) != before


@watch("AdminDisableUserTotp")
def no_code_wanted(world: World, given: Wire) -> Check:
    name = given["TargetUser"]
    asked = {**world.profile(name), "AllowPasswordAndTOTPLogin": True, "AllowPasswordLogin": False}
    world.call("admin/set-user-profile", TargetUser=name, ProfileData=json.dumps(asked))
    return lambda _: world.profile(name)["AllowPasswordLogin"]


@watch("AdminAccountRegenerateTotp")
def the_code_is_right(world: World, given: Wire) -> Check:
    validate = "admin/account/validate-totp"
    return lambda answer: (
        world.emulator.call(validate, TOTPCode=totp(secret_of(answer["URL"])), **given)["Status"] == 200
    )


@watch("AdminAccountU2fSubmitChallengeResponse", "AdminAccountWebauthnSubmitChallengeResponse")
def a_key_more(world: World, given: Wire) -> Check:
    def keys() -> int:
        security = world.call("admin/account/properties")["Security"]
        held = [security.get(f"{kind}Registrations") or [] for kind in ("U2F", "WebAuthn")]
        return sum(map(len, held))

    before = keys()
    return lambda _: keys() > before


@watch("AdminAccountSessionStartAsUser", "HybridSessionStart", "UserWebSessionStart")
def the_key_is_good(world: World, given: Wire) -> Check:
    name = given.get("TargetUser") or given.get("Username", world.emulator.admin.name)

    def is_good(answer: Any) -> bool:
        own = {"Username": name, "AuthType": "SessionKey", "SessionKey": answer["SessionKey"]}
        is_user = answer["SessionType"] == "user"
        path = "user/web/get-user-profile-and-hash" if is_user else "admin/meta/version"
        return "Message" not in world.emulator.call(path, **own) or is_user

    return is_good


@watch("AdminAccountSessionUpgrade")
def the_key_was_made_good(world: World, given: Wire) -> Check:
    own = {"Username": given["Username"], "AuthType": "SessionKey", "SessionKey": given["SessionKey"]}
    return lambda _: "Version" in world.emulator.call("admin/meta/version", **own)


@watch("UserWebSessionRevoke")
def the_key_was_ended(world: World, given: Wire) -> Check:
    path = "user/web/get-user-profile-and-hash"
    return lambda _: world.emulator.call(path, **given)["Status"] == 403


@watch("AdminBulletinSubmit", "AdminMetaSendTestEmail", "AdminMetaSendTestReport")
def more_emails(world: World, given: Wire) -> Check:
    before = world.call("admin/meta/version")["EmailsSentSuccessfully"]
    return lambda _: world.call("admin/meta/version")["EmailsSentSuccessfully"] > before


@watch("AdminSelfBackupStart")
def a_run_began(world: World, given: Wire) -> Check:
    def began() -> bool:
        [run] = world.call("admin/meta/version")["SelfBackup"]
        return bool(run.get("CurrentRunStart") or run.get("LastRunStart"))

    return lambda _: began()


@watch("AdminConstellationPruneNow")
def fewer_buckets(world: World, given: Wire) -> Check:
    before = len(world.call("admin/storage/list-buckets"))
    return lambda _: len(world.call("admin/storage/list-buckets")) < before


@watch("AdminExternalAuthSourcesDelete")
def no_source(world: World, given: Wire) -> Check:
    sources = "ExternalAdminUserSources"
    return lambda _: given["SourceID"] not in world.call("admin/meta/server-config/get")[sources]


@watch("AdminExternalAuthSourcesSet")
def another_source(world: World, given: Wire) -> Check:
    source = json.loads(parameters(world, "AdminExternalAuthSourcesNew")["Source"])
    given["Sources"] = json.dumps({"set": source})
    sources = "ExternalAdminUserSources"
    return lambda _: list(world.call("admin/meta/server-config/get")[sources]) == ["set"]


SETTERS = [n for n in METHODS if not is_safe(n) and not ASKS.fullmatch(n)]


def test_every_setter_is_watched():
    watched = WATCHES.keys() | IN_STATE | NOTHING_TO_READ.keys() | APART.keys()

    assert [name for name in SETTERS if name not in watched] == []
    assert [name for name in [*WATCHES, *NOTHING_TO_READ] if name not in SETTERS] == []
    named = re.compile(r"(Set|Add|Create|Delete|New(?!s)|Remove|Submit|Register|Revoke|Reset|Start|Cancel)")
    assert [name for name in METHODS if named.search(name) and is_safe(name)] == []


@pytest.fixture(scope="module")
def seen() -> dict[str, tuple[bool, bool]]:
    """For each watched method: whether its change was seen at once, and after a kill."""
    with start_emulator(users=60, jobs_per_day=400, days=4, seed=3, start_at=START_AT) as emulator:
        world = World(emulator)
        checks: dict[str, tuple[Check, Any]] = {}
        before: dict[str, bool] = {}
        last = {"AdminConstellationPruneNow", "AdminSelfBackupStart", "AdminExternalAuthSourcesSet"}
        for name in sorted(WATCHES, key=lambda name: (name in last, name)):
            given = dict(parameters(world, name))
            check = WATCHES[name](world, given)
            answer = emulator.post(path_of(name), **given).json()
            assert not isinstance(answer, dict) or answer.get("Status", 200) < 400, (name, answer)
            checks[name], before[name] = (check, answer), check(answer)
        emulator.kill()
        emulator.restart()
        return {name: (before[name], check(answer)) for name, (check, answer) in checks.items()}


@pytest.mark.parametrize("name", sorted(WATCHES))
def test_what_a_setter_did_is_read_by_another_method_and_after_a_kill(seen, name):
    assert seen[name] == (True, True)
