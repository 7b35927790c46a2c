"""Small calls to many servers, in a process of its own.

Run as `python -m tests.bench.comet_calls WAY COUNT CA URL...`; prints the CPU seconds of this
process per call. All ways send the same form with the same time limits and check certificates by the
same file; each keeps what it needs per server.
"""

import sys
import time
from collections.abc import Callable

import msgspec
import requests

from comet import CometClient, Password

PATH = "/api/v1/admin/meta/version"
FORM = {"Username": "admin", "AuthType": "Password", "Password": "a long password"}
TIMEOUT = (5, 30)


def _comet(url: str, ca_file: str) -> Callable[[], object]:
    client = CometClient(url, Password(FORM["Username"], FORM["Password"]), ca_file=ca_file)
    return client.admin_meta_version


def _session(url: str, ca_file: str) -> Callable[[], object]:
    session = requests.Session()
    session.trust_env = False
    session.verify = ca_file
    return lambda: session.post(url + PATH, data=FORM, timeout=TIMEOUT).json()


def _post(url: str, ca_file: str) -> Callable[[], object]:
    return lambda: requests.post(url + PATH, data=FORM, timeout=TIMEOUT, verify=ca_file).json()


WAYS = {"comet": _comet, "session": _session, "post": _post}


def main(way: str, count: str, ca_file: str, *urls: str) -> None:
    began = time.process_time()
    calls = [WAYS[way](url, ca_file) for url in urls]
    for number in range(int(count)):
        calls[number % len(calls)]()
    print(msgspec.json.encode((time.process_time() - began) / int(count)).decode())


if __name__ == "__main__":
    main(*sys.argv[1:])
