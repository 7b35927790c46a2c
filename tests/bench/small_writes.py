"""Makes small writes until told to stop, then prints how long each took, in milliseconds, as a JSON list.

A process of its own, as a web process is: it shares nothing with the import but the database.
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

    stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), stop.set()), daemon=True).start()
    Entry.objects.count()
    print("ready", flush=True)
    waits = []
    while not stop.wait(PAUSE_SECONDS):
        began = time.perf_counter()
        Entry.objects.create(action="bench", phase=Entry.Phase.BEGUN, actor_label="bench", at=timezone.now())
        waits.append((time.perf_counter() - began) * 1000)
    print(json.dumps(waits))


if __name__ == "__main__":
    main()
