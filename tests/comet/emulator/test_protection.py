"""Second factors, permissions, address lists, login protection, suspended organizations."""

import json

import pytest
import requests

from tests.comet.conformance.authenticator import Authenticator, Token
from tests.comet.conformance.world import World, secret_of, totp
from tests.comet.emulator import wire_check
from tests.comet.emulator.conftest import START_AT
from tests.emulator_process import start_emulator


@pytest.fixture(scope="module")
def world():
    with start_emulator(start_at=START_AT) as emulator:
        yield World(emulator)


def secure(world: World, admin: dict, **changes: object) -> None:
    security = world.call("admin/account/properties", **admin)["Security"]
    world.call("admin/account/set-properties", Security=json.dumps({**security, **changes}), **admin)


def permit(world: World, name: str, **permissions: bool) -> None:
    """Set an admin's permissions, as the server's configuration holds them."""
    config = world.call("admin/meta/server-config/get")
    for admin in config["AdminUsers"]:
        if admin["Username"] == name:
            admin["Permissions"] = permissions
    with world.emulator.restarting():
        world.call("admin/meta/server-config/set", Config=json.dumps(config))


def test_a_code_is_wanted_once_it_is_switched_on(world):
    admin = world.admin()
    answer = world.call("admin/account/regenerate-totp", **admin)
    secret = secret_of(answer["URL"])
    assert answer["Image"].startswith("data:image/")
    wrong = world.emulator.call("admin/account/validate-totp", TOTPCode="000000", **admin)
    assert wrong["Status"] == 400
    world.call("admin/account/validate-totp", TOTPCode=totp(secret), **admin)
    assert world.emulator.post("admin/meta/version", **admin).status_code == 200

    secure(world, admin, AllowPasswordLogin=False, AllowPasswordAndTOTPLogin=True)

    refused = world.emulator.post("admin/meta/version", **admin)
    assert (refused.status_code, refused.json()["Status"]) == (449, 449)
    assert refused.headers["X-Comet-TOTP-Requested"] == "1"
    full = {**admin, "AuthType": "PasswordTOTP", "TOTP": totp(secret)}
    assert world.call("admin/meta/version", **full)["Version"]
    assert world.emulator.call("admin/meta/version", **{**full, "TOTP": "000000"})["Status"] == 403


def test_a_pending_key_is_good_for_nothing_until_it_is_upgraded(world):
    admin = world.admin()
    secret = secret_of(world.call("admin/account/regenerate-totp", **admin)["URL"])
    secure(world, admin, AllowPasswordLogin=False, AllowPasswordAndTOTPLogin=True)
    key = world.emulator.post("admin/account/session-start", **admin).json()["SessionKey"]
    by_key = {"Username": admin["Username"], "AuthType": "SessionKey", "SessionKey": key}
    assert world.emulator.call("admin/meta/version", **by_key)["Status"] == 403

    code = {**by_key, "AuthType": "TOTP", "TOTP": totp(secret)}
    world.call("admin/account/session-upgrade", **code)

    assert world.call("admin/meta/version", **by_key)["Version"]
    assert world.emulator.call("admin/meta/version", **code)["Status"] == 403


def test_a_security_key_signs_in(world):
    admin, key, origin = world.admin(), Authenticator(), "http://127.0.0.1"
    request = "admin/account/webauthn/request-registration-challenge"
    submit = "admin/account/webauthn/submit-challenge-response"
    begun = world.call(request, SelfAddress=origin, **admin)
    given = {"SelfAddress": origin, "ChallengeID": begun["ChallengeID"]}
    credential = key.register(begun["CredentialCreationOptions"], origin)
    world.call(submit, Credential=credential, **given, **admin)
    assert world.emulator.call(submit, Credential=credential, **given, **admin)["Status"] == 403
    secure(world, admin, AllowPasswordLogin=False, AllowPasswordAndWebAuthnLogin=True)

    def challenge() -> dict:
        refused = world.emulator.post("admin/account/session-start", **admin)
        assert refused.status_code == 449
        assert refused.headers["X-Comet-U2F-Challenge"] == refused.headers["X-Comet-WebAuthn-Challenge"]
        return json.loads(refused.headers["X-Comet-WebAuthn-Challenge"])

    def sign(asked: dict, by: Authenticator) -> str:
        signed = by.sign(asked["Assertion"], origin)
        return json.dumps({"ChallengeID": asked["ChallengeID"], "CredentialJSON": signed})

    full = {**admin, "AuthType": "PasswordWebAuthn"}
    good = sign(challenge(), key)
    session = world.call("admin/account/session-start", WebAuthnSign=good, **full)
    assert session["SessionType"] == "admin"
    for bad in (good, sign(challenge(), Authenticator()), "{}", ""):
        assert world.emulator.call("admin/account/session-start", WebAuthnSign=bad, **full)["Status"] == 403


def test_a_token_of_the_legacy_kind_signs_in(world):
    admin, token, start = world.admin(), Token(), "admin/account/session-start"
    begun = world.call(
        "admin/account/u2f/request-registration-challenge", SelfAddress="https://own.example/", **admin
    )
    answer = token.register(begun)
    submit = "admin/account/u2f/submit-challenge-response"
    spoiled = {**answer, "U2FRegistrationData": answer["U2FRegistrationData"][:-8] + "AAAAAAAA"}
    assert world.emulator.call(submit, **spoiled, **admin)["Status"] == 400
    assert world.emulator.call(submit, **answer, **admin)["Status"] == 403  # a challenge is good once
    begun = world.call(
        "admin/account/u2f/request-registration-challenge", SelfAddress="https://own.example/", **admin
    )
    world.call(submit, Description="Old token", **token.register(begun), **admin)
    secure(world, admin, AllowPasswordLogin=False, AllowPasswordAndU2FLogin=True)

    def challenge() -> dict:
        refused = world.emulator.post(start, **admin)
        assert refused.status_code == 449
        assert "X-Comet-TOTP-Requested" not in refused.headers
        asked = json.loads(refused.headers["X-Comet-U2F-Challenge"])
        assert wire_check.faults("U2FSignRequest", asked) == []
        assert asked["RegisteredKeys"][0]["AppID"] == "https://own.example/"
        return asked

    full = {**admin, "AuthType": "PasswordU2F"}
    good = token.sign(challenge())
    assert world.call(start, U2FSign=good, **full)["SessionType"] == "admin"
    stranger = Token()
    stranger.register(begun)
    for bad in (good, stranger.sign(challenge()), "{}", ""):
        assert world.emulator.call(start, U2FSign=bad, **full)["Status"] == 403


def test_an_end_user_s_code_is_wanted_and_can_be_disabled(world):
    name = world.user()
    user = world.as_user(name)
    answer = world.call("user/web/account/regenerate-totp", ProfileHash=world.hash(name), **user)
    profile = {**world.profile(name), "AllowPasswordLogin": False, "AllowPasswordAndTOTPLogin": True}
    world.call("admin/set-user-profile", TargetUser=name, ProfileData=json.dumps(profile))

    assert world.emulator.post("user/web/session/start", **user).status_code == 449
    full = {**user, "AuthType": "PasswordTOTP", "TOTP": totp(secret_of(answer["URL"]))}
    assert world.call("hybrid/session/start", **full)["SessionType"] == "user"
    world.call("admin/disable-user-totp", TargetUser=name)
    assert world.call("user/web/session/start", **user)["SessionType"] == "user"


def test_an_address_list_is_one_expression_that_is_not_anchored(world):
    admin = world.admin()
    secure(world, admin, IPWhitelist="7.0.0.")
    assert world.call("admin/meta/version", **admin)["Version"]

    secure(world, admin, IPWhitelist="^10[.]")

    assert world.emulator.call("admin/meta/version", **admin)["Status"] == 403


@pytest.mark.parametrize(
    ("permissions", "path", "status"),
    [
        ({"PreventEditServerSettings": True}, "admin/meta/server-config/get", 403),
        ({"PreventEditServerSettings": True}, "admin/meta/webhook-options/get", 403),
        (
            {"PreventEditServerSettings": True, "AllowEditWebhooks": True},
            "admin/meta/webhook-options/get",
            None,
        ),
        ({"PreventServerShutdown": True}, "admin/meta/restart-service", 403),
        ({"DenyConstellationRole": True}, "admin/constellation/status", 403),
        ({"DenyViewServerHistory": True}, "admin/meta/stats", 403),
        ({"DenySoftwareBuildRole": True}, "admin/branding/available-platforms", 403),
    ],
    ids=str,
)
def test_permissions_switch_methods_off(world, permissions, path, status):
    admin = world.admin()
    permit(world, admin["Username"], **permissions)

    answer = world.emulator.call(path, **admin, Simple="true")

    assert (answer.get("Status") if isinstance(answer, dict) else None) == status
    assert world.call("admin/list-users", **admin)
    shown = world.call("admin/account/properties", **admin)["Permissions"]
    assert shown == permissions


def test_too_many_wrong_passwords_close_an_account_for_a_while(world):
    config = world.call("admin/meta/server-config/get")
    config["LoginProtection"] = {"Enabled": True, "FailureThreshold": 3, "CooldownSeconds": 600}
    with world.emulator.restarting():
        world.call("admin/meta/server-config/set", Config=json.dumps(config))
    admin = world.admin()
    wrong = {**admin, "Password": "wrong"}
    statuses = [world.emulator.post("admin/meta/version", **wrong).status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]

    assert world.emulator.post("admin/meta/version", **admin).json()["Status"] == 429
    world.emulator.order("assume", login_protection_status=403)
    refused = world.emulator.post("admin/meta/version", **admin)
    assert (refused.status_code, refused.json()["Status"]) == (200, 403)
    world.emulator.order("assume", login_protection_status=429)
    world.emulator.order("advance", seconds=601)
    assert world.call("admin/meta/version", **admin)["Version"]


def test_a_suspended_organization_lets_nobody_in(world):
    guid = world.organization()
    record = world.call("admin/organization/list")[guid]
    made = {"TargetUser": "boss", "TargetPassword": "boss-password", "TargetOrgID": guid}
    world.call("admin/admin-user/new", **made)
    boss = {"host": record["Hosts"][0], "Username": "boss", "Password": "boss-password"}
    assert world.call("admin/account/properties", **boss)["OrganizationID"] == guid

    changed = json.dumps({**record, "IsSuspended": True})
    world.call("admin/organization/set", OrganizationID=guid, Organization=changed)

    assert world.emulator.call("admin/account/properties", **boss)["Status"] == 403


def test_downloads_are_open_to_everybody_once_that_is_allowed(world):
    url = f"{world.emulator.url}/api/v1/admin/branding/available-platforms"
    assert requests.post(url, timeout=10).json()["Status"] == 400

    build = world.call("admin/meta/build-config/get")["SoftwareBuildRole"]
    allowed = json.dumps({**build, "AllowUnauthenticatedDownloads": True})
    world.call("admin/meta/build-config/set", SoftwareBuildRoleConfig=allowed)

    assert "21" in requests.post(url, timeout=10).json()
