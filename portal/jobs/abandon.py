"""The kind `job.abandon`: marks a Job as given up at its Comet Server, without asking the device."""

from django.db.models import F
from django.db.models.functions import Coalesce

import comet
from portal.core.states import State
from portal.jobs.apply import apply_jobs
from portal.jobs.models import Job
from portal.operations.errors import ItemFailed
from portal.operations.models import OperationItem
from portal.operations.progress import Progress
from portal.operations.registry import Done, operation
from portal.servers import clients
from portal.servers.models import CometServer


@operation("job.abandon", permission="job:abandon", repeatable=True)
def abandon_at_server(item: OperationItem, progress: Progress) -> Done:
    """Abandon one Job that stands still. If its device reports again, Comet lets it run on.

    The server is asked for the Job once more first: one that has ended is left alone, and one whose
    Counter has risen since it was proposed is not given up. Of a Job that the server does not have
    any more, only the row here is closed. Repeatable: what is abandoned has ended.

    Raises:
        ItemFailed: it has moved since, or was placed with another tenant.
        comet.CometError: the Comet Server refused or did not answer.

    Source: Comet Server API, AdminJobAbandon (needs the Auth Role).
    """
    server = CometServer.objects.filter(pk=item.params["server"], unlinking_at=None).first()
    if server is None:
        raise ItemFailed(f"{item.news_from} is not linked any more.")
    guid, username = item.params["guid"], item.params["username"]
    held = Job.objects.filter(server=server, guid=guid).select_related("placement").first()
    if held is not None and held.tenant_id != item.tenant_id:
        raise ItemFailed(f"{item.label} belongs to another tenant by now.")
    client = clients.for_server(server)
    client.admin_meta_version()  # a refused credential is told apart from a Job that is gone
    try:
        job = client.admin_get_job_properties(job_id=guid)
    except comet.APIError as error:
        if isinstance(error, comet.ServerError | comet.RateLimited):
            raise
        _close(server, guid)
        return Done(text=f"{server.name} does not have this Job any more")
    if job.username != username:
        raise ItemFailed(f"This Job is not one of {username}.")
    if job.end_time:
        apply_jobs(server, [job])
        return Done(text="It had ended already")
    if (job.progress.counter if job.progress else 0) > item.params["counter"]:
        apply_jobs(server, [job])
        raise ItemFailed("It has moved since this was proposed, so it was not abandoned.")
    client.admin_job_abandon(target_user=username, job_id=guid)
    apply_jobs(server, [client.admin_get_job_properties(job_id=guid)])
    return Done(text="It was marked as abandoned")


def _close(server: CometServer, guid: str) -> None:
    """It was interrupted when it last moved, which is where the roll-ups count it already."""
    rows = Job.objects.filter(server=server, guid=guid, ended_at=None, state=State.INTERRUPTED)
    rows.update(ended_at=Coalesce(F("progress_at"), F("started_at")))
