"""Why Jobs failed: the first error line of their logs, in a form that groups equal causes."""

import re
from datetime import timedelta
from typing import Final

import structlog
from django.db import transaction
from django.utils import timezone

import comet
from portal.core.events import Fact, publish_all
from portal.core.states import State
from portal.core.wire import clip
from portal.fleet.models import ProtectedItem
from portal.jobs.item_results import tell_turns
from portal.jobs.models import Job
from portal.servers.models import CometServer
from portal.servers.placements import Placements, lock_server

log = structlog.get_logger(__name__)

PER_SERVER: Final = 20
"""Logs read from one server in one go: opening a log costs it more than any list."""

NOT_OLDER_THAN: Final = timedelta(days=7)
NO_MESSAGE: Final = "No error line in its log"
_LENGTH: Final = 255
_CUT: Final = "…"

_REPLACEMENTS: Final = (
    (re.compile(r"https?://[^\s\"']+", re.IGNORECASE), _CUT),
    (re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE), _CUT),
    (re.compile(r"\b[0-9a-f]{16,}\b", re.IGNORECASE), _CUT),
    (re.compile(r"(?:\"|')?(?:[A-Za-z]:\\|\\\\)[^\"'<>|*?\n]*?(?=[\"']|:\s|,\s|$)(?:\"|')?"), _CUT),
    (re.compile(r"(?<![\w<])(?:\"|')?/(?:[\w.@%+~-]+/)*[\w.@%+~-]+(?:\"|')?"), _CUT),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"), _CUT),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?"), _CUT),
    (re.compile(r"\b\d+(?:[.,]\d+)*(?:\s?(?:[KMGTP]i?B|bytes|ms|s|min))?\b"), _CUT),
    (re.compile(r"\s+"), " "),
)


def normalise(message: str) -> str:
    """A log line without what differs from Job to Job: ids, paths, addresses, times, numbers."""
    text = message
    for pattern, replacement in _REPLACEMENTS:
        text = pattern.sub(replacement, text)
    return clip(text.strip(), _LENGTH)


def fetch_messages(server: CometServer, client: comet.CometClient) -> int:
    """Read the causes of bad Jobs that have none yet, the newest first; gives how many were found.

    Raises:
        comet.CometError: the server did not answer.
    """
    jobs = Job.objects.filter(
        server=server,
        state__in=[State.FAILED, State.WARNING],
        message="",
        started_at__gte=timezone.now() - NOT_OLDER_THAN,
    ).order_by("-started_at")[:PER_SERVER]
    causes = [(job, _cause(client, job)) for job in jobs]
    with transaction.atomic():
        lock_server(server)
        for job, cause in causes:
            Job.objects.filter(pk=job.pk).update(message=cause)
            ProtectedItem.objects.filter(
                profile_id=job.profile_id, guid=job.item_guid, last_job_guid=job.guid
            ).update(last_message="" if cause == NO_MESSAGE else cause)
        tell_turns(
            list(
                ProtectedItem.objects.filter(
                    profile__in=[job.profile_id for job, _ in causes if job.profile_id],
                    last_job_guid__in=[job.guid for job, _ in causes],
                ).values_list("pk", flat=True)
            )
        )
        tenant_ids = Placements(server).tenant_ids()
        publish_all(
            Fact(
                "job.changed",
                tenant_ids.get(job.placement_id),
                {"job": job.pk, "device": job.device_id or 0, "server": server.pk},
            )
            for job, _ in causes
        )
    return len(causes)


def _cause(client: comet.CometClient, job: Job) -> str:
    severity = "E" if job.state == State.FAILED else "W"
    try:
        entries = client.admin_get_job_log_entries(job_id=job.guid, min_severity="W")
    except comet.APIError as error:
        if isinstance(error, comet.ServerError | comet.RateLimited | comet.Forbidden):
            raise
        return NO_MESSAGE
    lines = [entry.message for entry in entries if entry.severity == severity] or [
        entry.message for entry in entries if entry.severity in ("E", "W")
    ]
    return normalise(lines[0]) if lines else NO_MESSAGE
