"""The recipes of docs/comet-client.md, run one after the other against an emulated Comet Server."""

import base64
import hmac
import re
import struct
import time
from pathlib import Path

import pytest

import comet
from tests.emulator_process import Admin, start_emulator

PAGE = Path(__file__).parents[2] / "docs" / "comet-client.md"
RECIPES = re.findall(r"^## (\d+)\. .*?^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
TOTP_SECRET = "JBSWY3DPEHPK3PXP"
SECRET = "long and secret"
PRINTS = {
    "1": r"\d+\.\d+\.\d+ Auth Role on",
    "2": r"FAILED",
    "3": r"-> Acme Ltd",
    "4": r"\w",
    "5": r"needs one of \['totp'\]\ntop level",
    "6": r"6 then 0",
    "7": r"read again what may have changed\nSEVT_META_HELLO ServerMetaVersionInfo",
    "8": r"\d+ of .*\n\d+ bytes",
    "9": r"refused: 403",
    "10": r"\d+\.\d+\.\d+\n\d+",
}


def totp(secret: str) -> str:
    counter = struct.pack(">Q", int(time.time()) // 30)
    digest = hmac.digest(base64.b32decode(secret), counter, "sha1")
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset : offset + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """The names the recipes take for granted; what one recipe defines, the next may use."""
    totp_admin = ["--totp-admin", f"tech:{SECRET}:{TOTP_SECRET}"]
    with start_emulator(admin=Admin("admin", SECRET), users=6, jobs_per_day=60, extra=totp_admin) as emulator:
        names = {
            "url": emulator.url,
            "secret": SECRET,
            "technician": "tech",
            "code": totp(TOTP_SECRET),
            "folder": tmp_path_factory.mktemp("recipes"),
        }
        credential = comet.Password("admin", SECRET)
        with comet.CometClient(emulator.url, credential, use_session=True) as client:
            online = [live.username for live in client.admin_dispatcher_list_active().values()]
            yield names | {"client": client, "username": online[0]}


def test_there_are_ten_recipes():
    assert [number for number, _ in RECIPES] == list(PRINTS)


@pytest.mark.parametrize(("number", "code"), RECIPES, ids=[f"recipe-{number}" for number, _ in RECIPES])
def test_a_recipe_does_what_the_page_says(names, capsys, number, code):
    client = names["client"]
    exec(compile(_imports() + code, f"{PAGE.name} recipe {number}", "exec"), names)
    names["client"] = client  # the first recipe closes its own
    assert re.search(PRINTS[number], capsys.readouterr().out)


def _imports() -> str:
    """The imports of all recipes, so that each can run alone."""
    lines = [line for _, code in RECIPES for line in code.splitlines()]
    return "".join(f"{line}\n" for line in lines if re.match(r"(from|import) ", line))
