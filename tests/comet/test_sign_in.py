"""Sessions: one start, one renewal, never a loop."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import comet
from comet import Password, PasswordTOTP, PasswordWebAuthn, SessionKey
from comet.types import WebAuthnSignResponse
from tests.comet.scripted_server import reply

DENIED = {"Status": 403, "Message": "Unauthorised"}
START = "/api/v1/admin/account/session-start"


class Sessions:
    """Gives out keys key-1, key-2 ... and accepts the newest, unless told to accept none."""

    def __init__(self, server):
        self.server = server
        self.keys = []
        self.accepts = True
        self.lock = threading.Lock()
        server.decides("admin/account/session-start", self.start)
        server.decides("admin/meta/version", self.version)
        server.answers("admin/account/session-revoke", {"Status": 200, "Message": "OK"})

    def start(self, request):
        if request.form.get("Password") != "long and secret":
            return reply(DENIED)
        with self.lock:
            self.keys.append(f"key-{len(self.keys) + 1}")
            return reply(
                {"Status": 200, "Message": "OK", "SessionKey": self.keys[-1], "SessionType": "admin"}
            )

    def version(self, request):
        good = self.accepts and self.keys and request.form.get("SessionKey") == self.keys[-1]
        return reply({"Version": "25.9.8"} if good else DENIED)

    def expire(self):
        self.keys.append("the one nobody has")

    def starts(self):
        return [request.path for request in self.server.requests].count(START)


@pytest.fixture
def sessions(server):
    return Sessions(server)


def test_a_password_buys_one_session_for_many_calls(server, sessions):
    client = server.client(use_session=True)

    client.admin_meta_version()
    client.admin_meta_version()

    assert sessions.starts() == 1
    assert server.requests[-1].form == {"Username": "admin", "AuthType": "SessionKey", "SessionKey": "key-1"}


def test_an_expired_key_is_renewed_once_and_unseen(server, sessions):
    client = server.client(use_session=True)
    client.admin_meta_version()
    sessions.expire()

    assert client.admin_meta_version().version == "25.9.8"
    assert sessions.starts() == 2


def test_a_refusal_that_is_not_about_the_key_does_not_loop(server, sessions):
    client = server.client(use_session=True)
    client.admin_meta_version()
    sessions.accepts = False

    for _ in range(5):
        with pytest.raises(comet.Forbidden):
            client.admin_meta_version()

    assert sessions.starts() == 2


def test_threads_share_one_renewal(server, sessions):
    client = server.client(use_session=True)
    client.admin_meta_version()
    sessions.expire()

    with ThreadPoolExecutor(8) as pool:
        versions = list(pool.map(lambda _: client.admin_meta_version().version, range(8)))

    assert versions == ["25.9.8"] * 8
    assert sessions.starts() == 2


def test_a_plain_password_and_a_given_key_are_not_renewed(server, sessions):
    for credential in (Password("admin", "wrong"), SessionKey("admin", "old")):
        with pytest.raises(comet.Forbidden):
            server.client(credential).admin_meta_version()
    assert sessions.starts() == 0


def test_a_refused_password_says_so(server, sessions):
    with pytest.raises(comet.Forbidden):
        server.client(Password("admin", "wrong"), use_session=True).admin_meta_version()
    assert sessions.starts() == 1


def test_a_code_is_spent_once(server, sessions):
    client = server.client(PasswordTOTP("admin", "long and secret", "123456"))

    client.admin_meta_version()
    client.admin_meta_version()

    codes = [request for request in server.requests if "TOTP" in request.form]
    assert [request.path for request in codes] == [START]
    assert codes[0].form["AuthType"] == "PasswordTOTP"
    assert client.start_session() == SessionKey("admin", "key-1")

    sessions.expire()
    with pytest.raises(comet.Forbidden):
        client.admin_meta_version()
    assert sessions.starts() == 1


def test_a_security_keys_signature_answers_the_challenge_and_is_spent_once(server, sessions):
    challenge = {
        "ChallengeID": "c-1",
        "Assertion": {"publicKey": {"challenge": "aGVsbG8=", "rpId": "comet.example"}},
    }

    def start(request):
        if request.form["AuthType"] == "PasswordWebAuthn":
            return sessions.start(request)
        return reply(
            {"Status": 449, "Message": "more"},
            status=449,
            headers={"X-Comet-WebAuthn-Challenge": json.dumps(challenge)},
        )

    server.decides("admin/account/session-start", start)
    with pytest.raises(comet.SecondFactorRequired) as asked:
        server.client(use_session=True).admin_meta_version()
    offered = asked.value.webauthn_challenge()
    assert offered.challenge_id == "c-1"
    assert offered.assertion.public_key.challenge == b"hello"

    signature = WebAuthnSignResponse(challenge_id="c-1", credential_json='{"id": "key"}')
    credential = PasswordWebAuthn("admin", "long and secret", signature)
    client = server.client(credential)
    client.admin_meta_version()
    client.admin_meta_version()

    signed = [request.form for request in server.requests if "WebAuthnSign" in request.form]
    assert len(signed) == 1
    assert json.loads(signed[0]["WebAuthnSign"]) == {"ChallengeID": "c-1", "CredentialJSON": '{"id": "key"}'}
    assert "secret" not in repr(credential)
    assert "key" not in repr(credential)


@pytest.mark.parametrize("header", [None, "not json", "[1]"])
def test_no_challenge_or_a_broken_one_is_none(server, sessions, header):
    headers = {"X-Comet-WebAuthn-Challenge": header} if header else {"X-Comet-TOTP-Requested": "1"}
    server.answers("admin/account/session-start", {"Status": 449, "Message": ""}, status=449, headers=headers)
    with pytest.raises(comet.SecondFactorRequired) as asked:
        server.client(use_session=True).admin_meta_version()
    assert asked.value.webauthn_challenge() is None


def test_a_code_that_was_refused_is_not_sent_again(server, sessions):
    client = server.client(PasswordTOTP("admin", "wrong", "123456"))

    with pytest.raises(comet.Forbidden):
        client.admin_meta_version()
    with pytest.raises(comet.SecondFactorRequired):
        client.admin_meta_version()

    assert sessions.starts() == 1


def test_a_session_can_be_started_for_the_event_stream_and_given_back(server, sessions):
    client = server.client()

    assert client.start_session() == SessionKey("admin", "key-1")
    client.end_session()

    assert server.requests[-1].path.endswith("session-revoke")
    assert server.requests[-1].form["SessionKey"] == "key-1"
    assert client.start_session() == SessionKey("admin", "key-2")


def test_a_client_without_a_credential_cannot_start_a_session(server):
    client = comet.CometClient(server.url)
    with pytest.raises(ValueError, match="credential"):
        client.start_session()


def test_an_end_user_signs_in_as_an_end_user(server):
    server.answers(
        "user/web/session/start", {"Status": 200, "Message": "OK", "SessionKey": "u", "SessionType": "user"}
    )
    server.answers("user/web/get-jobs", [])

    assert server.client(Password("bob", "pw"), use_session=True).user_web_get_jobs() == []
    assert server.requests[-1].form == {"Username": "bob", "AuthType": "SessionKey", "SessionKey": "u"}


def test_an_end_user_gives_a_session_back_as_an_end_user(server):
    server.answers(
        "user/web/session/start", {"Status": 200, "Message": "OK", "SessionKey": "u", "SessionType": "user"}
    )
    server.answers("user/web/session/revoke", {"Status": 200, "Message": "OK"})
    server.answers("user/web/get-jobs", [])
    client = server.client(Password("bob", "pw"), use_session=True)

    client.user_web_get_jobs()
    client.end_session()

    assert server.requests[-1].path == "/api/v1/user/web/session/revoke"


def test_sign_in_and_renewal_share_the_budget_of_the_call(server, sessions):
    """Each part may take as long as the whole; together they may not."""
    pause = threading.Event()

    def slow(decide):
        def decided(request):
            pause.wait(0.3)
            return decide(request)

        return decided

    server.decides("admin/account/session-start", slow(sessions.start))
    server.decides("admin/meta/version", slow(sessions.version))

    with pytest.raises(comet.Timeout):
        server.client(use_session=True, timeout=0.45).admin_meta_version()
    pause.set()
