"""Security keys of administrators: enrolment and sign-in by WebAuthn, checked by the fido2 library."""

import base64
import json
import time
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from comet.emulator.errors import bad_request, unauthorised

Wire = dict[str, Any]
_CHALLENGE_SECONDS = 300
_NO_DEVICE_TYPE = 0


@dataclass(slots=True)
class _Challenge:
    """`state` is fido2's own; the challenge is good for one answer of one account."""

    account: tuple[str, str]
    relying_party: str
    state: Any
    made_at: float


class SecurityKeys:
    """Challenges that wait for their answer. They live in memory: a restart forgets them."""

    def __init__(self) -> None:
        self._waiting: dict[str, _Challenge] = {}

    def begin_registration(self, admin: Wire, address: str) -> Wire:
        """ChallengeID and CredentialCreationOptions."""
        host = _host(address)
        options, state = _fido(host).register_begin(
            {"id": _account_id(admin), "name": admin["Username"], "displayName": admin["Username"]},
            credentials=[_credential(entry) for entry in admin.get("WebAuthnRegistrations", [])],
        )
        key = options.public_key
        parameters = [{"type": p.type.value, "alg": p.alg} for p in key.pub_key_cred_params]
        wire: Wire = {
            "challenge": _base64(key.challenge),
            "rp": {"id": host, "name": "Emulated Comet Server"},
            "user": {
                "id": _base64(_account_id(admin)),
                "name": admin["Username"],
                "displayName": admin["Username"],
            },
            "pubKeyCredParams": parameters,
            "timeout": _CHALLENGE_SECONDS * 1000,
            "attestation": "none",
        }
        return {"ChallengeID": self._remember(admin, host, state), "CredentialCreationOptions": wire}

    def end_registration(self, admin: Wire, challenge_id: str, credential: str) -> Wire:
        """AdminWebAuthnRegistration of the new key. Raises Refusal if the answer is not to its challenge."""
        from fido2 import cbor

        challenge = self._recall(admin, challenge_id)
        try:
            answer = json.loads(credential)
            data = _fido(challenge.relying_party).register_complete(challenge.state, answer)
        except (ValueError, KeyError, TypeError) as error:
            raise bad_request("The security key's answer is not valid") from error
        held = data.credential_data
        if held is None:
            raise bad_request("The security key's answer holds no credential")
        return {
            "Description": "Security key",
            "RegisterTime": int(time.time()),
            "Type": _NO_DEVICE_TYPE,
            "ID": _base64(held.credential_id),
            "Credential": {
                "PublicKey": _base64(cbor.encode(dict(held.public_key))),
                "AttestationType": "none",
                "AAGUID": _base64(bytes(held.aaguid)),
                "SignCount": data.counter,
                "CloneWarning": False,
            },
        }

    def begin_sign_in(self, admin: Wire, host: str) -> Wire:
        """WebAuthnSignRequest."""
        relying_party = _host(f"//{host}")
        entries = admin.get("WebAuthnRegistrations", [])
        options, state = _fido(relying_party).authenticate_begin([_credential(entry) for entry in entries])
        return {
            "ChallengeID": self._remember(admin, relying_party, state),
            "Assertion": {
                "publicKey": {
                    "challenge": _base64(options.public_key.challenge),
                    "rpId": relying_party,
                    "timeout": _CHALLENGE_SECONDS * 1000,
                    "allowCredentials": [{"type": "public-key", "id": entry["ID"]} for entry in entries],
                }
            },
        }

    def is_signed(self, admin: Wire, signed: str) -> bool:
        """Whether a WebAuthnSignResponse answers its challenge with a key of this account."""
        try:
            given = json.loads(signed)
            challenge = self._recall(admin, given["ChallengeID"])
            answer = json.loads(given["CredentialJSON"])
            held = [_credential(entry) for entry in admin.get("WebAuthnRegistrations", [])]
            _fido(challenge.relying_party).authenticate_complete(challenge.state, held, answer)
        except (ValueError, KeyError, TypeError):
            return False
        return True

    def _remember(self, admin: Wire, relying_party: str, state: Any) -> str:
        now = time.monotonic()
        for old in [k for k, c in self._waiting.items() if now - c.made_at > _CHALLENGE_SECONDS]:
            del self._waiting[old]
        guid = str(uuid.uuid4())
        self._waiting[guid] = _Challenge(_account(admin), relying_party, state, now)
        return guid

    def _recall(self, admin: Wire, guid: str) -> _Challenge:
        challenge = self._waiting.pop(guid, None)
        if challenge is None or challenge.account != _account(admin):
            raise unauthorised()
        return challenge


def _fido(host: str) -> Any:
    from fido2.server import Fido2Server  # slow to load, and rarely needed
    from fido2.webauthn import PublicKeyCredentialRpEntity

    entity = PublicKeyCredentialRpEntity(id=host, name="Emulated Comet Server")
    return Fido2Server(entity, verify_origin=lambda origin: _host(origin) == host)


def _credential(registration: Wire) -> Any:
    from fido2 import cbor
    from fido2.cose import CoseKey
    from fido2.webauthn import AttestedCredentialData

    held = registration["Credential"]
    decoded: Any = cbor.decode(base64.b64decode(held["PublicKey"]))
    key = CoseKey.parse(decoded)
    return AttestedCredentialData.create(
        base64.b64decode(held["AAGUID"]), base64.b64decode(registration["ID"]), key
    )


def _host(address: str) -> str:
    return urlsplit(address).hostname or "localhost"


def _account(admin: Wire) -> tuple[str, str]:
    return admin["OrganizationID"], admin["Username"]


def _account_id(admin: Wire) -> bytes:
    return "/".join(_account(admin)).encode()[:64]


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
