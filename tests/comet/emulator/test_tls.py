"""HTTPS, for calls and for the stream."""

import datetime
import ipaddress
import ssl
import subprocess
import sys
from pathlib import Path

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.sync.client import connect


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of this machine's own, and its key, as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    certificate_path, key_path = folder / "own.pem", folder / "own.key"
    certificate_path.write_bytes(made.public_bytes(pem))
    key_path.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return certificate_path, key_path


def test_calls_and_the_stream_are_encrypted(tmp_path: Path):
    own, key = certificate(tmp_path)
    flags = ["--port", "0", "--users", "2", "--tls", str(own), str(key)]
    process = subprocess.Popen(
        [sys.executable, "-m", "comet.emulator", *flags], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[1]
        assert url.startswith("https://")
        assert requests.get(f"{url}/gen/branding.props", verify=str(own), timeout=10).json()["BrandName"]
        trusting = ssl.create_default_context(cafile=str(own))
        stream = url.replace("https", "wss") + "/api/v1/events/stream"
        with connect(stream, ssl=trusting) as socket:
            for frame in ("admin", "Password", "admin", "", ""):
                socket.send(frame)
            assert socket.recv(timeout=10) == "200 OK"
    finally:
        process.terminate()
        process.communicate(timeout=20)
