"""A whole portal is used for a while; then everything it has written is looked through for secrets.

Link, sync, events, sign-in into Comet, a backup, a credential that is refused, an invitation, exports:
by HTTP, against the real processes. Looked through are the database, all that went through Redis, the log
of every process and the files of the data folder.
"""

import base64
import json
import os
import re
import sqlite3
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
import redis
import requests
from django.db import connection
from django.urls import reverse

from tests.emulator_process import EmulatorProcess, start_emulator
from tests.environment.portal import RunningPortal
from tests.marker_scan import forms_of
from tests.marks import MARK, marked
from tests.waiting import wait_for

WITHIN_SECONDS = 60
KEY_FILES = ("demo.env", "demo.json", "redis", "comet1", "comet2")
"""What the data folder holds of the demo's own: its keys, and the emulated servers' data."""


class Stored:
    """The database of the running portal, read from outside."""

    def __init__(self, data: Path, url: str) -> None:
        self._open = (
            (lambda: psycopg.connect(url)) if url else (lambda: sqlite3.connect(data / "perihelion.sqlite3"))
        )
        self._names = (
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            if url
            else "SELECT name FROM sqlite_master WHERE type = 'table'"
        )

    def rows(self, query: str) -> list[Any]:
        opened: Any = self._open()
        try:
            return opened.execute(query).fetchall()
        finally:
            opened.close()

    def dump(self) -> Iterator[tuple[str, bytes]]:
        """(table, a row as text), with the content of sessions unpacked."""
        for (table,) in self.rows(self._names):
            for row in self.rows(f'SELECT * FROM "{table}"'):
                yield table, repr(row).encode()
        for (data,) in self.rows("SELECT session_data FROM django_session"):
            yield "django_session, unpacked", unpacked(data)


def unpacked(session_data: str) -> bytes:
    """A stored session as JSON; it is packed and signed, not sealed."""
    packed = session_data.partition(":")[0]
    raw = packed.removeprefix(".")
    content = base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4))
    return zlib.decompress(content) if packed.startswith(".") else content


class Overheard:
    """Every command that Redis is given while inside the context, and what it holds in the end."""

    def __init__(self, config: Path) -> None:
        settings = dict(line.split(" ", 1) for line in config.read_text().splitlines() if " " in line)
        self._client = redis.Redis(port=int(settings["port"]), password=settings["requirepass"])
        self.heard: list[bytes] = []

    def __enter__(self) -> Self:
        self._monitor = self._client.monitor().__enter__()
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        read = {
            b"string": self._client.get,
            b"list": lambda key: self._client.lrange(key, 0, -1),
            b"set": self._client.smembers,
            b"hash": self._client.hgetall,
            b"zset": lambda key: self._client.zrange(key, 0, -1),
        }
        for key in self._client.scan_iter():
            held = read.get(self._client.type(key), lambda gone: None)(key)
            self.heard.append(repr((key, held)).encode())

    def _listen(self) -> None:
        try:
            for command in self._monitor.listen():
                self.heard.append(str(command["command"]).encode())
        except (redis.RedisError, OSError, ValueError):
            return  # Redis has ended


class Browser:
    """Somebody who is signed in."""

    def __init__(self, portal: RunningPortal, who: str) -> None:
        self._url = portal.url
        self._session = requests.Session()
        email, password = portal.sign_ins[who]
        self.post(reverse("account_login"), login=email, password=password)

    def get(self, path: str) -> requests.Response:
        answer = self._session.get(self._url + path, timeout=30)
        assert answer.status_code < 400, (path, answer.status_code)
        return answer

    def post(self, path: str, *, accept: str = "text/html", **data: Any) -> requests.Response:
        if "csrftoken" not in self._session.cookies:
            self._session.get(self._url + path, timeout=30)
        headers = {"X-CSRFToken": self._session.cookies["csrftoken"], "Referer": self._url, "Accept": accept}
        return self._session.post(self._url + path, data=data, headers=headers, timeout=30)


@contextmanager
def own_database() -> Iterator[str]:
    """An empty PostgreSQL database where tests run on PostgreSQL; "" where they run on SQLite."""
    if connection.vendor == "sqlite":
        yield ""
        return
    base = os.environ["DATABASE_URL"]
    name = f"walk_{os.getpid()}"
    with psycopg.connect(base, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        try:
            yield urlsplit(base)._replace(path=f"/{name}").geturl()
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def walk(portal: RunningPortal, emulator: EmulatorProcess, stored: Stored) -> set[str]:
    """Use the portal as people do; gives the secrets it made on the way."""
    owner = Browser(portal, "owner")
    link = {
        "name": "marked",
        "api_url": emulator.url,
        "username": emulator.admin.name,
        "password": emulator.admin.password,
        "own_admin": "yes",
        "tenant": stored.rows("SELECT id FROM tenants_tenant WHERE parent_id IS NULL")[0][0],
    }
    refused = owner.post(reverse("servers:server-link"), **{**link, "password": marked("wrong")})
    assert refused.status_code == 422
    assert "marked" in owner.post(reverse("servers:server-link"), **link).text
    [(server,)] = stored.rows("SELECT id FROM servers_cometserver WHERE name = 'marked'")
    of_server = f"FROM servers_cometserver WHERE id = {server}"
    wait_for(
        lambda: stored.rows(f"SELECT 1 {of_server} AND last_full_sync_at IS NOT NULL AND stream = 'up'"),
        seconds=WITHIN_SECONDS,
    )
    wait_for(
        lambda: stored.rows(f"SELECT 1 {of_server} AND admin_username LIKE 'perihelion-%'"),
        seconds=WITHIN_SECONDS,
    )
    emulator.call("admin/add-user", TargetUser="anna.new", TargetPassword=marked("new-user"))
    wait_for(
        lambda: stored.rows("SELECT 1 FROM fleet_userprofile WHERE username = 'anna.new'"),
        seconds=WITHIN_SECONDS,
    )
    wait_for(
        lambda: stored.rows(f"SELECT 1 FROM live_event WHERE server_id = {server}"), seconds=WITHIN_SECONDS
    )

    doors = [reverse("sso:server-launch", args=[server])]
    [(profile,)] = stored.rows(f"SELECT min(id) FROM fleet_userprofile WHERE server_id = {server}")
    doors.append(reverse("sso:user-launch", args=[profile]))
    hosts = f"SELECT id FROM servers_organization WHERE server_id = {server} AND host <> ''"
    doors += [reverse("sso:organization-launch", args=[server, pk]) for (pk,) in stored.rows(hosts)[:1]]
    for door in doors:
        opened = owner.post(door, accept="application/json", reason="Ticket 4711")
        assert opened.status_code == 201, opened.text
    for (launch,) in stored.rows("SELECT id FROM sso_launch"):
        pk = UUID(str(launch))
        key = owner.post(reverse("sso:launch-key", args=[pk]))
        assert MARK in key.text
        owner.post(reverse("sso:launch-end", args=[pk]))
    wait_for(
        lambda: not stored.rows("SELECT 1 FROM sso_launch WHERE session_key IS NOT NULL"),
        seconds=WITHIN_SECONDS,
    )

    device = stored.rows(f"SELECT id FROM fleet_device WHERE server_id = {server} AND connections > 0")
    for (pk,) in device[:1]:
        owner.post(reverse("fleet:backup-run"), device=pk)
    edit = reverse("servers:server-edit", args=[server])
    assert owner.post(edit, **{**link, "password": marked("wrong again")}).status_code == 422
    for name in ("fleet:device-export", "fleet:user-export", "jobs:job-export"):
        owner.get(reverse(name))
    for name in ("overview:home", "live:activity", "audit:entry-list", "operations:operation-list"):
        owner.get(reverse(name))
    invitation = {"email": "new@example.com", "tenant": link["tenant"], "role": "viewer"}
    shown = owner.post(reverse("accounts:person-invite"), **invitation).text
    token = re.search(r"/invitations/([^/\"]+)/", shown)
    assert token, shown
    requests.get(f"{portal.url}/invitations/{token[1]}x/", timeout=30)
    return {token[1]}


def leaks(place: str, data: bytes, pattern: re.Pattern[bytes]) -> list[str]:
    return [f"{place}: …{data[max(0, m.start() - 60) : m.end() + 40]!r}" for m in pattern.finditer(data)][:3]


def test_a_portal_that_was_used_has_left_no_secret_anywhere(tmp_path):
    log, data = tmp_path / "portal.log", tmp_path / "data"
    with (
        own_database() as url,
        start_emulator(live_jobs_per_minute=120) as emulator,
        RunningPortal(data, log, url) as portal,
        Overheard(data / "redis" / "redis.conf") as overheard,
    ):
        stored = Stored(data, url)
        made = walk(portal, emulator, stored)
        keys = re.findall(r"KEYS?=(?:demo-)?(\S+)", (data / "demo.env").read_text())
        demo = json.loads((data / "demo.json").read_text())
        passwords = [*demo["passwords"].values(), *demo["totp_seeds"].values()]
        unseen = forms_of(MARK, *keys, *made)
        unstored = forms_of(MARK, *keys, *made, *passwords)
        found = [leak for table, row in stored.dump() for leak in leaks(f"table {table}", row, unstored)]
    found += [leak for command in overheard.heard for leak in leaks("Redis", command, unstored)]
    found += leaks("the log", log.read_bytes(), unseen)  # the demo's passwords are printed, for its owner
    for file in data.rglob("*"):
        if file.is_file() and file.relative_to(data).parts[0] not in KEY_FILES:
            found += leaks(str(file), file.read_bytes(), unstored)

    assert found == []
    assert len(overheard.heard) > 100
