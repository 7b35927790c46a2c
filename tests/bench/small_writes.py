"""Makes small writes from one line of standard input to the next, then prints how long each took.

In milliseconds, as a JSON list on one line; as often as it is asked. A process of its own, as a web process
is: it shares nothing with the import but the database.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path

import django

PAUSE_SECONDS = 0.01


def main() -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    from django.utils import timezone

    from portal.audit.models import Entry

    Entry.objects.count()
    print("ready", flush=True)
    while sys.stdin.readline():
        stop = threading.Event()
        threading.Thread(target=lambda stop=stop: (sys.stdin.readline(), stop.set()), daemon=True).start()
        waits: list[float] = []
        while not (waits and stop.wait(PAUSE_SECONDS)):
            began = time.perf_counter()
            Entry.objects.create(
                action="bench", phase=Entry.Phase.BEGUN, actor_label="bench", at=timezone.now()
            )
            waits.append((time.perf_counter() - began) * 1000)
        print(json.dumps(waits), flush=True)


if __name__ == "__main__":
    main()
