"""The kind of Operation that replays what was set aside of one server."""

from portal.live import replay
from portal.live.fences import Fenced
from portal.live.models import SetAside
from portal.operations.errors import ItemFailed
from portal.operations.models import OperationItem
from portal.operations.progress import Progress
from portal.operations.registry import Done, operation


@operation("event.replay", permission="server:sync", repeatable=True)
def replay_of_server(item: OperationItem, progress: Progress) -> Done:
    """Tell every event of the item's server once more that was set aside and could be kept, oldest first.

    Raises:
        ItemFailed: the server is not linked any more.
    """
    kept = SetAside.objects.filter(server=item.target_id).exclude(told=None)
    ids = list(kept.order_by("pk").values_list("pk", flat=True))
    applied = 0
    for done, pk in enumerate(ids):
        progress.report(done=done, total=len(ids), text=f"Replayed {done:,} of {len(ids):,}")
        one = SetAside.objects.filter(pk=pk).first()
        if one is None:
            continue
        try:
            applied += not replay.tell_again(one)
        except Fenced as error:
            raise ItemFailed(f"{item.news_from} is not linked any more.") from error
    progress.report(done=len(ids), total=len(ids))
    left = SetAside.objects.filter(server=item.target_id).count()
    return Done({"applied": applied, "left": left}, f"{applied:,} replayed, {left:,} still set aside")
