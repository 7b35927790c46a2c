"""Second factors of administrators and end users."""

import time
from typing import Any

from comet.emulator import accounts, events, passwords, secondfactor, u2f
from comet.emulator.call import Call, done, method
from comet.emulator.errors import Refusal, bad_request, unauthorised
from comet.emulator.methods.users import require_hash

Wire = dict[str, Any]


@method("AdminAccountRegenerateTotp")
def regenerate_totp(call: Call) -> Wire:
    """A new secret. It is asked for once AllowPasswordAndTOTPLogin is set and AllowPasswordLogin is not."""
    record, secret = own_record(call), secondfactor.new_secret()
    _store(call, {**record, "TOTPKey": secret, "TOTPKeyEncryptionFormat": 0})
    url = secondfactor.otpauth_url(call.caller.username, secret)
    return {**done(), "Image": secondfactor.qr_image(url), "URL": url, "ProfileHash": ""}


@method("AdminAccountValidateTotp")
def validate_totp(call: Call) -> Wire:
    _check_code(own_record(call).get("TOTPKey", ""), call.text("TOTPCode"))
    return done()


@method("AdminAccountSetProperties")
def set_properties(call: Call) -> Wire:
    """Changes the caller's own security settings; keys that were blanked on reading stay."""
    record, security = own_record(call), call.document("Security")
    changed = accounts.with_security(record, security)
    if record["Permissions"].get("PreventChangePassword") and changed["Password"] != record["Password"]:
        raise Refusal(403, "Your administrator account does not have permission to change its password")
    if security["AllowPasswordAndTOTPLogin"] and not changed.get("TOTPKey"):
        raise bad_request("One-time codes were not set up")
    _store(call, changed)
    return done()


@method("AdminAccountWebauthnRequestRegistrationChallenge")
def webauthn_challenge(call: Call) -> Wire:
    return {**done(), **call.server.security_keys.begin_registration(own_record(call), call.base_url())}


@method("AdminAccountWebauthnSubmitChallengeResponse")
def webauthn_response(call: Call) -> Wire:
    record, keys = own_record(call), call.server.security_keys
    registration = keys.end_registration(record, call.text("ChallengeID"), call.text("Credential"))
    held = record.get("WebAuthnRegistrations", [])
    _store(call, {**record, "WebAuthnRegistrations": [*held, registration]})
    return done()


@method("AdminAccountU2fRequestRegistrationChallenge")
def u2f_challenge(call: Call) -> Wire:
    return {**done(), **call.server.u2f_tokens.begin_registration(own_record(call), call.base_url())}


@method("AdminAccountU2fSubmitChallengeResponse")
def u2f_response(call: Call) -> Wire:
    """Enrols a token of the legacy kind, which signs in by PasswordU2F once that is allowed."""
    if call.text("U2FVersion") != u2f.VERSION:
        raise bad_request("The token's answer is not valid")
    record = own_record(call)
    registration = {
        "Description": call.text("Description"),
        "RegisterTime": call.server.clock.seconds(),
        "Registration": call.server.u2f_tokens.end_registration(
            record, call.text("U2FChallengeID"), call.text("U2FRegistrationData"), call.text("U2FClientData")
        ),
    }
    _store(call, {**record, "U2FRegistrations": [*record.get("U2FRegistrations", []), registration]})
    return done()


@method("UserWebAccountRegenerateTotp")
def user_regenerate_totp(call: Call) -> Wire:
    username, book = call.caller.username, call.server.profiles
    require_hash(call, username, call.text("ProfileHash"))
    secret = secondfactor.new_secret()
    book.change(username, TOTPKey=secret, TOTPKeyEncryptionFormat=0)
    call.tell_user(events.USER_UPDATED, username)
    url = secondfactor.otpauth_url(username, secret)
    image = secondfactor.qr_image(url)
    return {**done(), "Image": image, "URL": url, "ProfileHash": book.hash(username)}


@method("UserWebAccountValidateTotp")
def user_validate_totp(call: Call) -> Wire:
    username = call.caller.username
    require_hash(call, username, call.text("ProfileHash"))
    _check_code((call.server.profiles.stored(username) or {})["TOTPKey"], call.text("TOTPCode"))
    return done()


@method("AdminDisableUserTotp")
def disable_user_totp(call: Call) -> Wire:
    username = call.target_user()
    changes = {"AllowPasswordAndTOTPLogin": False, "AllowPasswordLogin": True, "TOTPKey": ""}
    call.server.profiles.change(username, **changes)
    call.tell_user(events.USER_UPDATED, username)
    return done()


def own_record(call: Call) -> Wire:
    record = call.server.admins.find(call.caller.username, call.caller.organization_id)
    if record is None:
        raise unauthorised()
    return record


def _store(call: Call, record: Wire) -> None:
    call.server.admins.put(record)
    call.emit(
        events.ADMIN_UPDATED,
        organization_id=record["OrganizationID"],
        resource_id=record["Username"],
        data=accounts.without_secrets(record),
    )


def _check_code(secret: str, code: str) -> None:
    if not secret or not passwords.verify_totp(secret, code, time.time()):
        raise bad_request("The one-time code is not right")
