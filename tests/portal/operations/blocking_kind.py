"""A kind for a real worker: its first attempt never comes back, the next one does."""

import threading

from portal.operations.models import OperationItem
from portal.operations.progress import Progress
from portal.operations.registry import Done, operation

KIND = "test.block"
INSIDE = "Inside the first attempt"


@operation(KIND, permission="backup:run", repeatable=True)
def block_once(item: OperationItem, progress: Progress) -> Done:
    if item.attempts == 1:
        progress.report(done=5, total=9, text=INSIDE)
        threading.Event().wait()
    return Done({"attempts": item.attempts})
