"""An emulated server, and for each method of the API the parameters with which it succeeds."""

import base64
import hmac
import itertools
import json
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha1
from typing import Any
from urllib.parse import parse_qs, urlsplit

from comet.emulator import shapes
from tests.comet.emulator import wire_check
from tests.emulator_process import EmulatorProcess

METHODS = {method["name"]: method for method in wire_check.description()["methods"]}
Wire = dict[str, Any]
_NUMBERS = itertools.count(1)  # several worlds may be views of one server


@dataclass
class Target:
    """A connected device with an item, a rule and a vault that holds snapshots of that item."""

    connection: str
    username: str
    device_id: str
    engine: str
    source: str
    rule: str
    vault: str
    snapshots: list[str]


class World:
    """Looks up, or makes, what a method needs. Each destructive call gets things of its own."""

    def __init__(self, emulator: EmulatorProcess) -> None:
        self.emulator = emulator
        self.profiles: dict[str, Wire] = emulator.call("admin/list-users-full")
        live = emulator.call("admin/dispatcher/list-active")
        self._live = {
            guid: entry
            for guid, entry in live.items()
            if entry["AllowsFilenames"] and entry["ReportedPlatform"].startswith("windows")
        }
        self._spare = list(reversed(self._live))

    def call(self, path: str, **given: Any) -> Any:
        answer = self.emulator.call(path, **given)
        if isinstance(answer, dict) and "Message" in answer and answer["Status"] >= 400:
            raise AssertionError(f"{path}: {answer}")
        return answer

    def target(self, *engines: str, top_level: bool = False) -> Target:
        """A connected Windows device, with an item of one of these kinds that was backed up."""
        for guid, live in self._live.items():
            profile = self.profiles[live["Username"]]
            if top_level and profile.get("OrganizationID"):
                continue
            if guid not in self._spare:
                continue
            for source, entry in profile["Sources"].items():
                fits = not engines or entry["Engine"] in engines
                if entry["OwnerDevice"] != live["DeviceID"] or not fits:
                    continue
                found = self._with_snapshots(guid, live, source, entry["Engine"])
                if found:
                    return found
        raise LookupError(engines)

    def spare(self) -> str:
        """The connection of a device that nothing else needs."""
        return self._spare.pop(0)

    def _with_snapshots(self, guid: str, live: Wire, source: str, engine: str) -> Target | None:
        profile = self.profiles[live["Username"]]
        rule = next(g for g, r in profile["BackupRules"].items() if r["Source"] == source)
        for vault in profile["Destinations"]:
            listed = self.call("admin/dispatcher/request-vault-snapshots", TargetID=guid, Destination=vault)[
                "Snapshots"
            ]
            own = [s["Snapshot"] for s in listed if s["Source"] == source]
            if own:
                return Target(guid, live["Username"], live["DeviceID"], engine, source, rule, vault, own)
        return None

    def name(self, stem: str) -> str:
        return f"{stem}-{next(_NUMBERS)}"

    def user(self, **fields: Any) -> str:
        """A new user of the top level; fields are those of AdminAddUser."""
        name = self.name("made")
        self.call("admin/add-user", TargetUser=name, TargetPassword="made-password", **fields)
        return name

    def hash(self, username: str) -> str:
        answer = self.call("admin/get-user-profile-hash", TargetUser=username)
        return answer["ProfileHash"]

    def profile(self, username: str) -> Wire:
        return self.call("admin/get-user-profile", TargetUser=username)

    def as_user(self, username: str, password: str = "made-password") -> Wire:
        return {"Username": username, "AuthType": "Password", "Password": password}

    def session(self, path: str = "admin/account/session-start", **given: Any) -> Wire:
        """Credentials of a fresh session key."""
        key = self.call(path, **given)["SessionKey"]
        name = given.get("Username", self.emulator.admin.name)
        return {"Username": name, "AuthType": "SessionKey", "SessionKey": key}

    def admin(self) -> Wire:
        """Credentials of a new top-level admin."""
        name = self.name("admin")
        self.call("admin/admin-user/new", TargetUser=name, TargetPassword="another-password")
        return {"Username": name, "AuthType": "Password", "Password": "another-password"}

    def running_job(self, target: Target) -> str:
        order = {"username": target.username, "device_id": target.device_id, "duration_seconds": 600}
        return self.emulator.order("jobs/start", **order)["guid"]

    def policy(self, **fields: Any) -> str:
        guid = self.name("policy")
        policy = {"Description": guid, **fields}
        self.call("admin/policies/set", PolicyID=guid, Policy=json.dumps(policy))
        return guid

    def group(self) -> str:
        return self.call("admin/user-groups/new", Name=self.name("group"))["UserGroupID"]

    def quota(self) -> str:
        guid, quota = self.name("quota"), {"Description": "q", "LimitBytes": 5}
        self.call(
            "admin/squota/set-with-hash", SharedStorageQuotaID=guid, SharedStorageQuota=json.dumps(quota)
        )
        return guid

    def organization(self) -> str:
        record = {"Name": self.name("Organization"), "Hosts": [self.name("host") + ".localhost"]}
        return self.call("admin/organization/set", Organization=json.dumps(record))["ID"]

    def bucket(self) -> str:
        return self.call("admin/storage/register-bucket")["NewBucketID"]

    def news(self) -> str:
        before = self.call("admin/news/get-all").keys()
        self.call("admin/news/submit", NewsContent="Something is new")
        return next(iter(self.call("admin/news/get-all").keys() - before))

    def templates(self) -> list[Wire]:
        return self.call("admin/meta/remote-storage-vault/get")

    def source(self, target: str) -> str:
        """A new Protected Item of a user."""
        guid = self.name("item")
        source = {"Engine": "engine1/file", "Description": "New"}
        self.call(
            "admin/set-protected-item-with-backup-rules",
            TargetUser=target,
            SourceID=guid,
            Source=json.dumps(source),
        )
        return guid


def totp(secret: str) -> str:
    """The one-time code of a base32 secret, now (RFC 6238)."""
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", int(time.time()) // 30), sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at : at + 4])[0] & 0x7FFFFFFF) % 10**6:06d}"


def secret_of(otpauth: str) -> str:
    return parse_qs(urlsplit(otpauth).query)["secret"][0]


def document(type_name: str, **fields: Any) -> str:
    """A structure with these fields, all others at zero, as JSON."""
    return json.dumps({**shapes.zero(type_name), **fields})


Maker = Callable[[World], Wire]
MAKERS: dict[str, Maker] = {}


def given(*names: str) -> Callable[[Maker], Maker]:
    """Register how the parameters of these methods are made."""

    def register(maker: Maker) -> Maker:
        for name in names:
            assert name not in MAKERS, name
            MAKERS[name] = maker
        return maker

    return register


def parameters(world: World, name: str) -> Wire:
    """Parameters, and credentials where they are not the admin's, with which the method succeeds."""
    if name in MAKERS:
        return MAKERS[name](world)
    assert not METHODS[name]["params"], f"{name} has parameters and no maker"
    return {}
