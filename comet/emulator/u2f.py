"""Security keys of the kind before WebAuthn (U2F): enrolment and sign-in, checked by the fido2 library."""

import base64
import hashlib
import json
import secrets
import time
import uuid
from dataclasses import dataclass
from typing import Any

from comet.emulator.errors import bad_request, unauthorised
from comet.emulator.journal import Journal

Wire = dict[str, Any]
VERSION = "U2F_V2"
_CHALLENGE_SECONDS = 300
_ENROL, _SIGN = "navigator.id.finishEnrollment", "navigator.id.getAssertion"
_APP = "u2f-app"  # key handle -> the AppID it was enrolled for, which has no field in the record


@dataclass(frozen=True, slots=True)
class _Challenge:
    account: tuple[str, str]
    challenge: str
    app_id: str
    made_at: float


class U2FTokens:
    """Challenges that wait for their answer, good once. They live in memory: a restart forgets them."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._waiting: dict[str, _Challenge] = {}

    def begin_registration(self, admin: Wire, app_id: str) -> Wire:
        """The fields of U2FRegistrationChallengeResponse."""
        guid, challenge = self._remember(admin, app_id)
        return {
            "ChallengeID": guid,
            "AppID": app_id,
            "RegisteredKeys": self._registered(admin),
            "RegisterRequests": [{"Challenge": challenge, "Version": VERSION}],
        }

    def end_registration(self, admin: Wire, guid: str, registration: str, client_data: str) -> str:
        """The Registration to store, as base64. Raises Refusal if the answer is not to its challenge."""
        from fido2.ctap1 import RegistrationData  # slow to load, and rarely needed

        waiting = self._recall(admin, guid)
        try:
            data = RegistrationData.from_b64(registration)
            data.verify(_digest(waiting.app_id.encode()), _checked(client_data, _ENROL, waiting.challenge))
        except Exception as error:  # whatever a broken answer breaks in the library
            raise bad_request("The token's answer is not valid") from error
        self._journal.put(_APP, _url64(data.key_handle), waiting.app_id)
        return base64.b64encode(bytes(data)).decode()

    def begin_sign_in(self, admin: Wire, app_id: str) -> Wire:
        """U2FSignRequest."""
        guid, challenge = self._remember(admin, app_id)
        keys = self._registered(admin)
        return {"ChallengeID": guid, "ChallengeData": challenge, "AppID": app_id, "RegisteredKeys": keys}

    def is_signed(self, admin: Wire, signed: str) -> bool:
        """Whether a U2FSignResponse answers its challenge with a token of this account."""
        from fido2.ctap1 import SignatureData

        try:
            given = json.loads(signed)
            waiting = self._recall(admin, given["ChallengeID"])
            [token] = [data for data in _tokens(admin) if _url64(data.key_handle) == given["KeyHandle"]]
            app_id = self._journal.get(_APP, given["KeyHandle"]) or waiting.app_id
            client = _checked(given["ClientData"], _SIGN, waiting.challenge)
            SignatureData.from_b64(given["Signature"]).verify(
                _digest(app_id.encode()), client, token.public_key
            )
        except Exception:  # whatever a broken answer breaks in the library
            return False
        return True

    def _registered(self, admin: Wire) -> list[Wire]:
        handles = [_url64(token.key_handle) for token in _tokens(admin)]
        return [
            {"AppID": self._journal.get(_APP, handle) or "", "KeyHandle": handle, "Version": VERSION}
            for handle in handles
        ]

    def _remember(self, admin: Wire, app_id: str) -> tuple[str, str]:
        now = time.monotonic()
        for old in [guid for guid, c in self._waiting.items() if now - c.made_at > _CHALLENGE_SECONDS]:
            del self._waiting[old]
        guid, challenge = str(uuid.uuid4()), secrets.token_urlsafe(32)
        self._waiting[guid] = _Challenge(_account(admin), challenge, app_id, now)
        return guid, challenge

    def _recall(self, admin: Wire, guid: str) -> _Challenge:
        challenge = self._waiting.pop(guid, None)
        if challenge is None or challenge.account != _account(admin):
            raise unauthorised()
        return challenge


def _tokens(admin: Wire) -> list[Any]:
    """RegistrationData of each enrolled token."""
    from fido2.ctap1 import RegistrationData

    held = [base64.b64decode(entry["Registration"]) for entry in admin.get("U2FRegistrations", [])]
    return [RegistrationData(data) for data in held if data[:1] == b"\x05"]


def _checked(client_data: str, kind: str, challenge: str) -> bytes:
    """The digest of client data that is about this challenge. Raises ValueError."""
    raw = base64.urlsafe_b64decode(client_data + "=" * (-len(client_data) % 4))
    told = json.loads(raw)
    if (told["typ"], told["challenge"]) != (kind, challenge):
        raise ValueError("not the answer to this challenge")
    return _digest(raw)


def _account(admin: Wire) -> tuple[str, str]:
    return admin["OrganizationID"], admin["Username"]


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
