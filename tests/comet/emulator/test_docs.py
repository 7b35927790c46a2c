"""docs/emulator.md: each command, address, order and switch it names works as written."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import requests

import comet
from comet.emulator import options
from tests.emulator_process import Admin, start_emulator

PAGES = [Path(__file__).parents[3] / path for path in ("docs/emulator.md", "comet/emulator/README.md")]
TEXT = PAGES[0].read_text("utf-8")
COMMANDS = re.findall(r"^    ((?:python|curl) .*)$", TEXT, re.M)
STARTS = [
    line
    for page in PAGES
    for line in re.findall(r"^    python -m comet.emulator (.*)$", page.read_text(), re.M)
]
CURLS = [*[line for line in COMMANDS if line.startswith("curl")], *re.findall(r"`(curl [^`]*)`", TEXT)]
CLIENTS = dict(re.findall(r"^\| (\w+ SDK|`comet`) \| `(.*)` \|$", TEXT, re.M))
API, CONTROL = "http://127.0.0.1:8060", "http://127.0.0.1:8061"


@pytest.fixture(scope="module")
def emulator():
    """One whose administrator is the page's."""
    with start_emulator(admin=Admin("admin", "secret")) as process:
        yield process


def here(text: str, emulator) -> str:
    return text.replace(API, emulator.url).replace(CONTROL, emulator.control)


def orders_named() -> list[str]:
    found = re.findall(
        r"`(?:POST|GET) (/[a-z/]+)`(?:, `(/\w+)`, `(/\w+)`)?", "".join(p.read_text() for p in PAGES)
    )
    return sorted({path for paths in found for path in paths if path})


@pytest.mark.parametrize("arguments", STARTS)
def test_a_command_that_starts_it_is_understood(arguments):
    chosen = options.parse(shlex.split(arguments))

    assert (chosen.port, chosen.admins[0].name) == (8060, "admin")


@pytest.mark.parametrize("command", CURLS)
def test_a_curl_command_works(emulator, command):
    words = shlex.split(here(command, emulator))
    done = subprocess.run([*words, "-sS", "-i"], capture_output=True, text=True, timeout=20, check=True)

    assert " 200 " in done.stdout.splitlines()[0]
    assert '"error"' not in done.stdout
    emulator.order("clear")
    emulator.order("mode", null_for_empty=False, shuffle_keys=False)


def test_it_is_ready_where_the_page_says(emulator):
    [address] = re.findall(r"`GET (http://\S+)` answers", TEXT)

    assert requests.get(here(address, emulator), timeout=10).status_code == 200


def test_the_table_of_clients_names_one_for_each_vendor_sdk():
    assert set(CLIENTS) == {"Go SDK", "JavaScript SDK", "PHP SDK", "Ruby SDK", "`comet`"}


@pytest.mark.parametrize("client", CLIENTS)
def test_the_address_and_credentials_of_a_client_are_good(emulator, client):
    written = CLIENTS[client]
    address, name, password = re.findall(r"[\"']([^\"']*)[\"']", written)[:3]
    form = {"Username": name, "AuthType": "Password", "Password": password}
    url = here(address, emulator).rstrip("/") + "/api/v1/admin/meta/version"

    assert requests.post(url, data=form, timeout=10).json()["Version"]
    if client == "`comet`":
        made = eval(here(written, emulator), {"CometClient": comet.CometClient, "Password": comet.Password})
        with made:
            assert made.admin_meta_version().version


@pytest.mark.parametrize("order", orders_named())
def test_an_order_that_is_named_exists(emulator, order):
    verb = "GET" if order == "/state" else "OPTIONS"

    assert requests.request(verb, emulator.control + order, timeout=10).status_code in (200, 405)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_flag_that_is_named_exists(page):
    known = {text for action in options._parser()._actions for text in action.option_strings}
    named = set(re.findall(r"(?<![\w-])(--[a-z][a-z-]+)", page.read_text("utf-8")))

    assert named <= known
    if page.name == "README.md":
        assert known - named <= {"-h", "--help"}


def test_each_open_question_of_the_behaviour_has_a_line():
    asked = (
        "login protection blocks", "expired session key", "Framing", "webhooks", "Queue limit",
        "Pings", "hash conflict", "Searchable fields", "get-jobs-recent", "cancelled, abandoned",
    )  # fmt: skip
    table = TEXT[TEXT.index("| Question |") :].split("\n\n")[0].splitlines()[2:]

    assert len(table) == len(asked)
    for question, line in zip(asked, table, strict=True):
        _, asks, here, switch, _ = line.split("|")
        assert question in asks
        assert here.strip()
        assert "`" in switch, line
