"""Installers of the client, and tokens for installing it unattended."""

import secrets
from typing import Any

from comet.emulator import passwords
from comet.emulator.archives import zip_of
from comet.emulator.call import Call, Raw, done, method
from comet.emulator.errors import bad_request, unauthorised

Wire = dict[str, Any]
_TOKEN_SECONDS = 24 * 3600
_PREFIX = "AdminBrandingGenerateClient"
# Platform number (invented): category, description, what the method's name ends with, file ending.
_PLATFORMS = {
    1: ("Windows", "Windows (x86_64)", "WindowsX8664Exe", "exe"),
    2: ("Windows", "Windows (x86_64, zip)", "WindowsX8664Zip", "zip"),
    3: ("Windows", "Windows (x86_32)", "WindowsX8632Exe", "exe"),
    4: ("Windows", "Windows (x86_32, zip)", "WindowsX8632Zip", "zip"),
    5: ("Windows", "Windows (any CPU)", "WindowsAnycpuExe", "exe"),
    6: ("Windows", "Windows (any CPU, zip)", "WindowsAnycpuZip", "zip"),
    7: ("macOS", "macOS (Intel)", "MacosX8664", "pkg"),
    8: ("macOS", "macOS (Apple silicon)", "MacosArm64", "pkg"),
    21: ("Linux", "Linux (Debian package)", "LinuxDeb", "deb"),
    22: ("Linux", "Linux (any)", "Linuxgeneric", "run"),
    31: ("Synology", "Synology DSM 6", "SpkDsm6", "spk"),
    32: ("Synology", "Synology DSM 7", "SpkDsm7", "spk"),
}
_MAGIC = {
    "exe": b"MZ\x90\x00", "pkg": b"xar!\x00\x1c\x00\x01", "deb": b"!<arch>\ndebian-binary   ",
    "run": b"#!/bin/sh\n", "spk": b"INFO\x00",
}  # fmt: skip
_SIZES = {"WindowsAnycpuZip": 40, "WindowsAnycpuExe": 40, "Linuxgeneric": 32, "LinuxDeb": 32}  # MiB
_USUAL_SIZE = 20
_RECOMMENDED = (5, 8, 21)


@method("AdminBrandingAvailablePlatforms")
def available_platforms(call: Call) -> dict[str, Wire]:
    return {
        str(number): {"Category": category, "Description": text, "Recommended": number in _RECOMMENDED}
        for number, (category, text, _, _) in _PLATFORMS.items()
    }


@method("AdminBrandingGenerateClientTest")
def generate_test(call: Call) -> Wire:
    _platform(call)
    return done("The client can be generated")


@method("AdminBrandingGenerateClientByPlatform")
def generate_by_platform(call: Call) -> Raw:
    return _installer(call, _platform(call))


def _generator(number: int) -> None:
    @method(_PREFIX + _PLATFORMS[number][2])
    def generate(call: Call) -> Raw:
        return _installer(call, number)


for _number in _PLATFORMS:
    _generator(_number)


@method("AdminCreateInstallToken")
def create_install_token(call: Call) -> Wire:
    """A token that signs one device in as that user, within a day."""
    username, now = call.target_user(), call.server.clock.seconds()
    profile = call.server.profiles.stored(username) or {}
    if not passwords.verify_password(call.text("TargetPassword"), profile["PasswordHash"]):
        raise unauthorised()
    token: Wire = {
        "Username": username,
        "Server": call.text("Server") or call.base_url(),
        "Token": secrets.token_hex(16),
        "CreateTime": now,
        "Used": False,
        "ExpireTime": now + _TOKEN_SECONDS,
    }
    call.server.tokens.put(token["Token"], token)
    return {**done(), "InstallToken": token}


def _platform(call: Call) -> int:
    number = call.number("Platform")
    if number not in _PLATFORMS:
        raise bad_request("Platform not found")
    return number


def _installer(call: Call, number: int) -> Raw:
    """A file that begins as its kind does, names the brand and the server, and is as long as a real one."""
    _, _, kind, ending = _PLATFORMS[number]
    owner = call.caller.organization_id
    product = call.server.settings.section(owner, "Branding")["ProductName"] or "Backup"
    text = f"{product} {call.server.options.version}\nserver={call.base_url()}\n".encode()
    filling = bytes(_SIZES.get(kind, _USUAL_SIZE) << 20)
    files = {"install.txt": text, "install.dat": filling}
    body = zip_of(files, compressed=False) if ending == "zip" else _MAGIC[ending] + text + filling
    name = f"{product}-{call.server.options.version}.{ending}".replace('"', "")
    headers = {"Content-Disposition": f'attachment; filename="{name.encode("ascii", "replace").decode()}"'}
    return Raw(body, "application/octet-stream", headers)
