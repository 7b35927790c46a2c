"""Posts Job events until told to stop, then prints how long each answer took, in milliseconds, as JSON.

python -m tests.bench.webhook_posts URL HEADER SECRET
"""

import json
import sys
import threading
import time
from typing import Final
from uuid import uuid4

import requests

from tests.bench.job_details import job_detail

PAUSE_SECONDS: Final = 0.02


def main(url: str, header: str, secret: str) -> None:
    stop = threading.Event()

    def wait_for_the_end() -> None:
        sys.stdin.readline()
        stop.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    session = requests.Session()
    session.headers[header] = secret
    _post(session, url, 0)
    print("ready", flush=True)
    waits: list[float] = []
    while not (waits and stop.wait(PAUSE_SECONDS)):
        waits.append(_post(session, url, len(waits) + 1))
    print(json.dumps(waits))


def _post(session: requests.Session, url: str, number: int) -> float:
    job = job_detail(number, int(time.time()) - 300) | {"GUID": str(uuid4())}
    event = {"Type": 4201, "TypeString": "SEVT_JOB_COMPLETED", "Timestamp": int(time.time()), "Data": job}
    began = time.perf_counter()
    answer = session.post(url, json=event, headers={"x-Comet-Tracing-Id": str(uuid4())}, timeout=30)
    took = (time.perf_counter() - began) * 1000
    answer.raise_for_status()
    return took


if __name__ == "__main__":
    main(*sys.argv[1:])
