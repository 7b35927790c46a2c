"""A security key in software: answers WebAuthn challenges as a real one does."""

import base64
import datetime
import hashlib
import json
import os
import struct
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor
from fido2.cose import ES256

USER_PRESENT, USER_VERIFIED, HAS_CREDENTIAL = 1, 4, 64


class Authenticator:
    """One credential, made when it is registered."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._id = os.urandom(32)
        self._count = 0

    def register(self, options: dict[str, Any], origin: str) -> str:
        """The credential that a browser hands over, as JSON, for CredentialCreationOptions."""
        client = client_data("webauthn.create", options["challenge"], origin)
        key = cbor.encode(dict(ES256.from_cryptography_key(self._key.public_key())))
        credential = bytes(16) + struct.pack(">H", len(self._id)) + self._id + key
        data = self._authenticator_data(origin, HAS_CREDENTIAL) + credential
        attestation = cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})
        return self._answer({"clientDataJSON": url64(client), "attestationObject": url64(attestation)})

    def sign(self, assertion: dict[str, Any], origin: str) -> str:
        """The same for WebAuthnSignRequest.Assertion."""
        client = client_data("webauthn.get", assertion["publicKey"]["challenge"], origin)
        data = self._authenticator_data(origin, 0)
        signature = self._key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self._answer(
            {
                "clientDataJSON": url64(client),
                "authenticatorData": url64(data),
                "signature": url64(signature),
            }
        )

    def _authenticator_data(self, origin: str, flags: int) -> bytes:
        self._count += 1
        host = urlsplit(origin).hostname or ""
        flag_bits = USER_PRESENT | USER_VERIFIED | flags
        return hashlib.sha256(host.encode()).digest() + struct.pack(">BI", flag_bits, self._count)

    def _answer(self, response: dict[str, str]) -> str:
        identifier = url64(self._id)
        return json.dumps({"id": identifier, "rawId": identifier, "type": "public-key", "response": response})


class Token:
    """A security key of the kind before WebAuthn, made when it is registered."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._handle = os.urandom(32)
        self._app = b""

    def register(self, begun: dict[str, Any]) -> dict[str, str]:
        """The parameters that answer U2FRegistrationChallengeResponse."""
        self._app = hashlib.sha256(begun["AppID"].encode()).digest()
        client = self._client("navigator.id.finishEnrollment", begun["RegisterRequests"][0]["Challenge"])
        point = self._key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        signed = b"\0" + self._app + hashlib.sha256(client).digest() + self._handle + point
        head = b"\x05" + point + bytes([len(self._handle)]) + self._handle
        data = head + self._certificate() + self._sign(signed)
        return {
            "U2FChallengeID": begun["ChallengeID"],
            "U2FClientData": url64(client),
            "U2FRegistrationData": url64(data),
            "U2FVersion": "U2F_V2",
        }

    def sign(self, asked: dict[str, Any]) -> str:
        """U2FSignResponse to a U2FSignRequest, as JSON."""
        client = self._client("navigator.id.getAssertion", asked["ChallengeData"])
        proof = struct.pack(">BI", USER_PRESENT, 1)
        signature = proof + self._sign(self._app + proof + hashlib.sha256(client).digest())
        return json.dumps(
            {
                "ChallengeID": asked["ChallengeID"],
                "KeyHandle": url64(self._handle),
                "Signature": url64(signature),
                "ClientData": url64(client),
            }
        )

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"typ": kind, "challenge": challenge, "origin": "http://localhost"}).encode()

    def _sign(self, message: bytes) -> bytes:
        return self._key.sign(message, ec.ECDSA(hashes.SHA256()))

    def _certificate(self) -> bytes:
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "token")])
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder(
            name, name, self._key.public_key(), 1, now, now + datetime.timedelta(1)
        )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def client_data(kind: str, challenge: str, origin: str) -> bytes:
    plain = url64(base64.b64decode(challenge))
    return json.dumps({"type": kind, "challenge": plain, "origin": origin, "crossOrigin": False}).encode()


def url64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
