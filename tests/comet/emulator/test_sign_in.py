"""Credentials, session keys and second factors."""

import time

import pytest

from comet.emulator.passwords import totp_code
from tests.emulator_process import USER_PASSWORD, EmulatorProcess, start_emulator

SECRET = "JBSWY3DPEHPK3PXP"


@pytest.fixture(scope="module")
def emulator():
    with start_emulator(totp_admin=f"guarded:open-sesame:{SECRET}") as process:
        yield process


@pytest.fixture
def session_key(emulator: EmulatorProcess) -> str:
    return emulator.call("admin/account/session-start")["SessionKey"]


def by_key(emulator: EmulatorProcess, key: str, path: str = "admin/list-users", **parameters: str):
    return emulator.call(path, AuthType="SessionKey", Password="", SessionKey=key, **parameters)


def test_a_wrong_password_is_refused_in_the_body(emulator):
    response = emulator.post("admin/meta/version", Password="wrong")

    assert response.status_code == 200
    assert response.json() == {"Status": 403, "Message": "Unauthorised"}


def test_an_unknown_admin_is_refused_alike(emulator):
    assert emulator.call("admin/meta/version", Username="nobody") == {
        "Status": 403,
        "Message": "Unauthorised",
    }


def test_the_message_follows_the_language_and_the_number_does_not(emulator):
    import requests

    response = requests.post(
        f"{emulator.url}/api/v1/admin/meta/version",
        data={"Username": "admin", "AuthType": "Password", "Password": "wrong"},
        headers={"Accept-Language": "es-ES"},
        timeout=10,
    )

    assert response.json() == {"Status": 403, "Message": "No autorizado"}


def test_a_missing_username_is_a_bad_request(emulator):
    assert emulator.call("admin/meta/version", Username="")["Status"] == 400


def test_a_session_key_stands_in_for_the_password(emulator, session_key):
    assert len(by_key(emulator, session_key)) == 8


def test_a_session_key_serves_the_name_it_was_made_for_alone(emulator, session_key):
    assert by_key(emulator, session_key, Username="guarded")["Status"] == 403


def test_a_session_key_of_a_user_opens_no_admin_call(emulator):
    user = emulator.call("admin/list-users")[0]
    key = emulator.call("admin/account/session-start-as-user", TargetUser=user)["SessionKey"]

    assert by_key(emulator, key, Username=user)["Status"] == 403


def test_a_revoked_key_is_refused(emulator, session_key):
    assert by_key(emulator, session_key, "admin/account/session-revoke")["Status"] == 200

    assert by_key(emulator, session_key)["Status"] == 403


def test_a_key_expires_when_idle_and_not_while_used(emulator, session_key):
    emulator.order("advance", seconds=1700)
    assert isinstance(by_key(emulator, session_key), list)
    emulator.order("advance", seconds=1700)
    assert isinstance(by_key(emulator, session_key), list)

    emulator.order("advance", seconds=1801)

    assert by_key(emulator, session_key) == {"Status": 403, "Message": "Unauthorised"}


def test_a_key_survives_a_restart(emulator, session_key):
    emulator.restart()

    assert isinstance(by_key(emulator, session_key), list)


def test_a_second_factor_is_asked_for_by_449(emulator):
    response = emulator.post("admin/account/session-start", Username="guarded", Password="open-sesame")

    assert response.status_code == 449
    assert response.headers["X-Comet-TOTP-Requested"] == "1"
    assert response.json()["Status"] == 449


def test_a_wrong_password_does_not_reveal_the_second_factor(emulator):
    response = emulator.post("admin/account/session-start", Username="guarded", Password="wrong")

    assert (response.status_code, response.json()["Status"]) == (200, 403)


def test_the_right_code_opens_and_a_wrong_one_does_not(emulator):
    def start(code: str):
        credentials = {
            "Username": "guarded",
            "AuthType": "PasswordTOTP",
            "Password": "open-sesame",
            "TOTP": code,
        }
        return emulator.call("admin/account/session-start", **credentials)

    code = totp_code(SECRET, time.time())
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"

    assert start(code)["SessionType"] == "admin"
    assert start(wrong)["Status"] == 403


def test_one_time_codes_are_those_of_rfc_6238():
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

    assert [totp_code(secret, moment) for moment in (59, 1111111109, 20000000000)] == [
        "287082",
        "081804",
        "353130",
    ]


def test_an_end_user_signs_in_by_password_and_out_by_key(emulator):
    user = top_level_user(emulator)
    credentials = {"Username": user, "Password": USER_PASSWORD}

    started = emulator.call("user/web/session/start", **credentials)
    assert (started["Status"], started["SessionType"]) == (200, "user")
    aliased = emulator.call("user/session/start", **credentials)
    assert aliased["SessionKey"] != started["SessionKey"]
    ended = by_key(emulator, started["SessionKey"], "user/web/session/revoke", Username=user)
    assert ended["Status"] == 200
    profile = by_key(emulator, started["SessionKey"], "user/web/get-user-profile-and-hash", Username=user)
    assert profile["Status"] == 403


def test_hybrid_sign_in_tells_which_kind_matched(emulator):
    user = top_level_user(emulator)

    assert emulator.call("hybrid/session/start")["SessionType"] == "admin"
    as_user = emulator.call("hybrid/session/start", Username=user, Password=USER_PASSWORD)
    assert as_user["SessionType"] == "user"
    assert emulator.call("hybrid/session/start", Username=user, Password="wrong")["Status"] == 403


def top_level_user(emulator: EmulatorProcess) -> str:
    profiles = emulator.call("admin/list-users-full").values()
    return next(p["Username"] for p in profiles if not p.get("OrganizationID"))
