"""A Job's log, read from its Comet Server when somebody asks: the portal stores none."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import comet
from comet.constants import Severity
from portal.core.encryption import SecretUnreadable
from portal.jobs.models import Job
from portal.servers import clients

SEVERITIES: Final[dict[str, str]] = {
    Severity.DEBUG: "Debug",
    Severity.INFO: "Info",
    Severity.WARNING: "Warning",
    Severity.ERROR: "Error",
}
MOST_SHOWN: Final = 2000
"""Lines a page shows; the download has them all."""


class LogUnavailable(Exception):
    """The log cannot be read now; the text says why, naming the server, and what to do."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One entry of a log."""

    at: dt.datetime
    severity: str
    message: str

    @property
    def word(self) -> str:
        """The severity as a word; Comet's own letter where this code does not know it."""
        return SEVERITIES.get(self.severity, self.severity)


def read_log(job: Job, *, min_severity: str = "", contains: str = "") -> list[LogLine]:
    """Ask the Job's Comet Server for its log, oldest line first, within the budget of a page.

    `contains` is looked for here, whatever its case.

    Raises:
        LogUnavailable: the server did not answer, or refused.

    Source: Comet Server API, AdminGetJobLogEntries (needs the Auth Role).
    """
    try:
        client = clients.for_server(job.server, purpose="web")
        entries = client.admin_get_job_log_entries(job_id=job.guid, min_severity=min_severity or None)
    except (comet.CometError, SecretUnreadable, LookupError) as exc:
        raise LogUnavailable(_sentence(job.server.name, exc)) from exc
    wanted = contains.casefold()
    return [
        LogLine(_moment(entry.time), entry.severity, entry.message)
        for entry in entries
        if wanted in entry.message.casefold()
    ]


def as_text(lines: Iterable[LogLine]) -> str:
    """The log as a text file, times in UTC."""
    return "".join(f"{line.at:%Y-%m-%d %H:%M:%S} {line.severity} {line.message}\r\n" for line in lines)


def _moment(seconds: int) -> dt.datetime:
    try:
        return dt.datetime.fromtimestamp(seconds, dt.UTC)
    except (OverflowError, ValueError, OSError):
        return dt.datetime.fromtimestamp(0, dt.UTC)


def _sentence(server: str, exc: Exception) -> str:
    budget = clients.BUDGETS["web"]["timeout"]
    match exc:
        case comet.Timeout():
            return f"{server} did not answer within {budget:g} s. The log is kept there; try again."
        case comet.ConnectionFailed():
            return f"{server} cannot be reached. The log is kept there; try again once it is back."
        case comet.Forbidden():
            return f"{server} refused the portal's credential. Check it on the server's page."
        case comet.APIError(message=message):
            return f"{server} has no log to give: {message} It may have been removed there by age."
        case comet.CometError():
            return f"{server} gave an answer that is not a log. Try again, or open Comet to read it there."
        case _:
            return (
                f"The portal's credential for {server} cannot be used. Enter it again on the server's page."
            )
