"""How the parameters are made of methods about administrators, second factors and installers."""

import json

from tests.comet.conformance.authenticator import Authenticator, Token
from tests.comet.conformance.world import (
    METHODS,
    Wire,
    World,
    given,
    secret_of,
    totp,
)


@given("AdminAccountRegenerateTotp")
def another_admin(world: World) -> Wire:
    return world.admin()


@given("AdminAccountValidateTotp")
def admin_code(world: World) -> Wire:
    credentials = world.admin()
    answer = world.call("admin/account/regenerate-totp", **credentials)
    return {**credentials, "TOTPCode": totp(secret_of(answer["URL"]))}


@given("AdminAccountSetProperties")
def own_security(world: World) -> Wire:
    credentials = world.admin()
    security = world.call("admin/account/properties", **credentials)["Security"]
    return {**credentials, "Security": json.dumps({**security, "IPWhitelist": "^127"})}


@given("AdminAccountSessionStart")
def session_start(world: World) -> Wire:
    return {"SelfAddress": world.emulator.url}


@given("AdminAccountSessionRevoke")
def session_revoke(world: World) -> Wire:
    return world.session()


@given("AdminAccountWebauthnRequestRegistrationChallenge", "AdminAccountU2fRequestRegistrationChallenge")
def key_challenge(world: World) -> Wire:
    return {"SelfAddress": "http://localhost/"}


@given("AdminAccountU2fSubmitChallengeResponse")
def u2f_answer(world: World) -> Wire:
    challenge = world.call(
        "admin/account/u2f/request-registration-challenge", SelfAddress="http://localhost/"
    )
    return Token().register(challenge)


@given("AdminAccountWebauthnSubmitChallengeResponse")
def key_answer(world: World) -> Wire:
    address = "http://localhost/"
    begun = world.call("admin/account/webauthn/request-registration-challenge", SelfAddress=address)
    credential = Authenticator().register(begun["CredentialCreationOptions"], "http://localhost")
    return {"SelfAddress": address, "ChallengeID": begun["ChallengeID"], "Credential": credential}


@given("AdminAccountSessionUpgrade")
def pending_key(world: World) -> Wire:
    """An admin with one-time codes, and the key he was given for his password alone."""
    credentials = world.admin()
    secret = secret_of(world.call("admin/account/regenerate-totp", **credentials)["URL"])
    security = world.call("admin/account/properties", **credentials)["Security"]
    security.update(AllowPasswordLogin=False, AllowPasswordAndTOTPLogin=True)
    world.call("admin/account/set-properties", Security=json.dumps(security), **credentials)
    refused = world.emulator.post("admin/account/session-start", **credentials)
    assert refused.status_code == 449
    return {
        "Username": credentials["Username"],
        "AuthType": "TOTP",
        "TOTP": totp(secret),
        "SessionKey": refused.json()["SessionKey"],
    }


@given("AdminAdminUserNew")
def new_admin(world: World) -> Wire:
    return {"TargetUser": world.name("admin"), "TargetPassword": "another-password"}


@given("AdminAdminUserDelete")
def old_admin(world: World) -> Wire:
    return {"TargetUser": world.admin()["Username"]}


@given("AdminBrandingGenerateClientByPlatform", "AdminBrandingGenerateClientTest")
def a_platform(world: World) -> Wire:
    return {"Platform": next(iter(world.call("admin/branding/available-platforms")))}


for _name in METHODS:
    if [p["name"] for p in METHODS[_name]["params"]] == ["SelfAddress"] and "GenerateClient" in _name:

        @given(_name)
        def an_address(world: World) -> Wire:
            return {"SelfAddress": "https://backup.example/"}


@given("AdminCreateInstallToken")
def install_token(world: World) -> Wire:
    return {"TargetUser": world.user(), "TargetPassword": "made-password"}
