"""What the vendor's SDKs do on the wire, and what their own tests expect, request by request."""

import gzip
import http.client
import json
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlsplit

import pytest

from tests.comet.conformance import makers
from tests.comet.conformance.world import METHODS, World, document, parameters
from tests.comet.emulator import wire_check
from tests.emulator_process import EmulatorProcess, start_emulator

__all__ = ["makers"]
MIB = 1 << 20
FORM = "application/x-www-form-urlencoded"


class Refused(Exception):
    """What an SDK raises."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass
class SDK:
    """One vendor client: how it writes a request and reads an answer."""

    name: str
    address: str
    headers: dict[str, str]
    form_type: str
    is_refusal: Callable[[int, Any], bool]
    user: str
    password: str
    filename: bool = True
    language: str = ""

    def call(self, method: str, **given: str) -> Any:
        """The decoded answer of a method; bytes of what is no JSON."""
        own = {"AuthType": "Password", "Username": self.user, "Password": self.password}
        body = "&".join(f"{quote_plus(k)}={quote_plus(v)}" for k, v in {**own, **given}.items())
        status, raw = self.send(METHODS[method]["path"], body.encode(), {"Content-Type": self.form_type})
        if METHODS[method]["returns"]["kind"] != "json":
            assert status == 200
            return raw
        return self._read(status, raw)

    def upload(self, content: bytes) -> Any:
        boundary = secrets.token_hex(20)
        name = '; filename="upload"' if self.filename else ""
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="upload"{name}\r\n'
        body = (head + f"Content-Length: {len(content)}\r\n\r\n").encode() + content
        headers = {
            "X-Comet-Admin-Username": self.user,
            "X-Comet-Admin-AuthType": "Password",
            "X-Comet-Admin-Password": self.password,
            "Content-Type": f"multipart/form-data; boundary={boundary}",
        }
        path = METHODS["AdminMetaResourceNew"]["path"]
        status, raw = self.send(path, body + f"\r\n--{boundary}--\r\n".encode(), headers)
        return self._read(status, raw)

    def send(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        parts = urlsplit(self.address)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
        language = {"Accept-Language": self.language} if self.language else {}
        try:
            connection.request("POST", path, body, {**self.headers, **language, **headers})
            answer = connection.getresponse()
            raw = answer.read()
        finally:
            connection.close()
        if answer.headers.get("Content-Encoding") == "gzip":
            raw = gzip.decompress(raw)
        return answer.status, raw

    def _read(self, status: int, raw: bytes) -> Any:
        if not 200 <= status <= 299 or (self.name == "php" and status != 200):
            raise Refused(status, raw.decode())
        answer = json.loads(raw)
        if isinstance(answer, dict) and self.is_refusal(answer.get("Status", 0), answer.get("Message")):
            raise Refused(answer["Status"], answer.get("Message", ""))
        return answer


def by_both(status: int, message: Any) -> bool:
    return message is not None and status >= 400


SDKS: dict[str, dict[str, Any]] = {
    "go": {
        "headers": {"User-Agent": "Go-http-client/1.1", "Accept-Encoding": "gzip"},
        "form_type": FORM,
        "is_refusal": by_both,
    },
    "js": {
        "headers": {"User-Agent": "node-fetch", "Accept": "*/*", "Accept-Encoding": "gzip,deflate"},
        "form_type": f"{FORM};charset=UTF-8",
        "is_refusal": lambda status, message: bool(status) and not 200 <= status <= 299,
    },
    "php": {
        "headers": {"User-Agent": "comet-php-sdk/1.x", "Accept-Encoding": "gzip"},
        "form_type": FORM,
        "is_refusal": by_both,
        "filename": False,
    },
    "ruby": {
        "headers": {"User-Agent": "Ruby", "Accept": "*/*"},
        "form_type": FORM,
        "is_refusal": lambda status, message: message is not None and status not in (0, 200, 201),
    },
}


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorProcess]:
    with start_emulator(users=10, jobs_per_day=60, days=3) as process:
        yield process


@pytest.fixture(params=SDKS)
def sdk(request: pytest.FixtureRequest, emulator: EmulatorProcess) -> SDK:
    admin = emulator.admin
    own = {"user": admin.name, "password": admin.password, "address": f"{emulator.url}/"}
    return SDK(name=request.param, **own, **SDKS[request.param])


def test_the_server_tells_its_version_and_the_time(sdk):
    info = sdk.call("AdminMetaVersion")

    assert tuple(map(int, info["Version"].split("."))) >= (20, 6, 5)
    assert abs(time.time() - info["CurrentTime"]) < 60
    assert sdk.call("AdminAccountProperties")["Permissions"] is not None


def test_a_user_comes_and_goes(sdk):
    name = f"comet-{sdk.name}-sdk-test-{time.time_ns()}"
    before = sdk.call("AdminListUsers")

    assert sdk.call("AdminAddUser", TargetUser=name, TargetPassword=name)["Status"] == 200

    assert sdk.call("AdminGetUserProfile", TargetUser=name)["Username"] == name
    assert set(sdk.call("AdminListUsers")) - set(before) == {name}
    assert sdk.call("AdminDeleteUser", TargetUser=name)["Status"] == 200


@pytest.mark.parametrize(
    ("language", "message"),
    [("", "User not found"), ("en_US", "User not found"), ("es_ES", "Usuario no encontrado")],
)
def test_an_unknown_user_is_400_in_the_caller_s_language(sdk, language, message):
    sdk.language = language

    with pytest.raises(Refused) as refused:
        sdk.call("AdminGetUserProfile", TargetUser="comet-test-unknown-user")

    assert (refused.value.status, refused.value.message) == (400, message)


@pytest.mark.parametrize(
    "content", [b"comet-test-resource-content", b"\x00\xff\xfe\r\n--", "grün €".encode()]
)
def test_a_resource_comes_back_as_it_was_sent(sdk, content):
    digest = sdk.upload(content)["ResourceHash"]

    assert sdk.call("AdminMetaResourceGet", Hash=digest) == content


@pytest.mark.parametrize(
    ("method", "least", "most"),
    [
        ("AdminBrandingGenerateClientLinuxgeneric", 25, 40),
        ("AdminBrandingGenerateClientMacosX8664", 15, 30),
        ("AdminBrandingGenerateClientWindowsAnycpuZip", 30, 50),
        ("AdminBrandingGenerateClientWindowsX8632Zip", 15, 25),
        ("AdminBrandingGenerateClientWindowsX8664Zip", 15, 25),
    ],
)
def test_installers_are_as_long_as_real_ones(sdk, emulator, method, least, most):
    assert least * MIB <= len(sdk.call(method, SelfAddress=f"{emulator.url}/")) <= most * MIB


def test_a_saved_configuration_restarts_the_server_under_a_later_start_time(sdk, emulator):
    started = sdk.call("AdminMetaVersion")["ServerStartTime"]
    config = sdk.call("AdminMetaServerConfigGet")
    groups = config["License"]["SerialNumber"].split("-")

    with emulator.restarting():
        sdk.call("AdminMetaServerConfigSet", Config=json.dumps(config))

    assert [len(group) for group in groups] == [4] * 6
    assert sdk.call("AdminMetaVersion")["ServerStartTime"] > started


def test_a_strictly_typed_client_reads_every_profile_and_job(sdk):
    profiles, jobs = sdk.call("AdminListUsersFull"), sdk.call("AdminGetJobsAll")

    assert profiles
    assert jobs
    assert wire_check.faults("map[string]UserProfileConfig", profiles) == []
    assert wire_check.faults("list[BackupJobDetail]", jobs) == []


@pytest.mark.parametrize("flag", ["1", "0", "true", "false"])
def test_truth_is_written_as_a_number_or_a_word(sdk, flag):
    days = len(sdk.call("AdminMetaStats", Simple=flag))

    assert (days == 1) == (flag in ("1", "true"))


def test_empty_maps_lists_and_nulls_of_a_typed_client_are_taken(sdk, emulator):
    """Go writes null for a nil map or list, PHP `{}` for a map, and all of them every field they know."""
    name = World(emulator).user()
    read = sdk.call("AdminGetUserProfileAndHash", TargetUser=name)
    profile = json.loads(document("UserProfileConfig")) | read["Profile"]
    profile |= {"AccountName": sdk.name, "Sources": {}, "Emails": None if sdk.name == "go" else []}
    if sdk.name == "go":
        profile |= {"Destinations": None, "OverrideEmailSettings": None}

    written = sdk.call(
        "AdminSetUserProfileHash",
        TargetUser=name,
        ProfileData=json.dumps(profile),
        RequireHash=read["ProfileHash"],
    )

    stored = sdk.call("AdminGetUserProfile", TargetUser=name)
    assert written["ProfileHash"] != read["ProfileHash"]
    assert wire_check.faults("UserProfileConfig", stored) == []
    assert (stored["AccountName"], stored["Emails"], stored["Destinations"]) == (sdk.name, [], {})


def test_a_code_is_asked_for_by_449_and_spent_on_a_session(sdk, emulator):
    given = parameters(World(emulator), "AdminAccountSessionUpgrade")
    sdk.user, sdk.password = given["Username"], "another-password"
    with pytest.raises(Refused) as refused:
        sdk.call("AdminAccountSessionStart", SelfAddress=sdk.address)
    assert refused.value.status == 449

    full = {"AuthType": "PasswordTOTP", "TOTP": given["TOTP"]}
    session = sdk.call("AdminAccountSessionStart", SelfAddress=sdk.address, **full)

    by_key = {"AuthType": "SessionKey", "SessionKey": session["SessionKey"], "Password": ""}
    assert sdk.call("AdminMetaVersion", **by_key)["Version"]
    assert sdk.call("AdminAccountSessionRevoke", **by_key)["Status"] == 200


def test_a_field_given_twice_counts_as_it_came_first(emulator):
    sdk = SDK(name="raw", address=emulator.url, user="", password="", **SDKS["go"])
    name, password = emulator.admin.name, emulator.admin.password
    body = f"Username={name}&AuthType=Password&Password={password}&Password=wrong&Username=nobody"

    status, raw = sdk.send(METHODS["AdminMetaVersion"]["path"], body.encode(), {"Content-Type": FORM})

    assert (status, "Version" in json.loads(raw)) == (200, True)
