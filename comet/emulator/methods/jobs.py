"""Jobs and their logs."""

from collections.abc import Iterable
from typing import Any

from comet.emulator import joblog
from comet.emulator.auth import USER
from comet.emulator.call import Call, Raw, done, method
from comet.emulator.errors import bad_request, job_not_found
from comet.emulator.job import CANCELLED, Job, wire
from comet.emulator.search import matches, require_prefix

Wire = dict[str, Any]


@method("AdminGetJobsAll")
def get_jobs_all(call: Call) -> list[Wire]:
    return _wires(call, call.server.jobs.everything())


@method("AdminGetJobsForDateRange")
def get_jobs_for_date_range(call: Call) -> list[Wire]:
    """Jobs that began or ended inside; 0 and 0 mean the unfinished ones alone."""
    start, end = sorted((call.number("Start"), call.number("End")))
    jobs = call.server.jobs
    return _wires(call, jobs.unfinished() if start == end == 0 else jobs.between(start, end))


@method("AdminGetJobsRecent")
def get_jobs_recent(call: Call) -> list[Wire]:
    return _wires(call, call.server.jobs.recent(call.server.assumptions.recent_seconds))


@method("AdminGetJobsForUser", "UserWebGetJobs")
def get_jobs_for_user(call: Call) -> list[Wire]:
    return _wires(call, call.server.jobs.of_user(call.target_user()))


@method("AdminGetJobsForCustomSearch", "UserWebGetJobsForCustomSearch")
def get_jobs_for_custom_search(call: Call) -> list[Wire]:
    query = call.document("Query")
    if call.server.assumptions.search_prefix_required:
        require_prefix(query)
    mine = get_jobs_for_user(call) if call.caller.kind == USER else get_jobs_all(call)
    return [job for job in mine if matches(query, job)]


@method("AdminCountJobsForCustomSearch")
def count_jobs_for_custom_search(call: Call) -> Wire:
    return {"Count": len(get_jobs_for_custom_search(call))}


@method("AdminGetJobProperties", "UserWebGetJobProperties")
def get_job_properties(call: Call) -> Wire:
    return wire(call.job(), call.server.clock.now())


@method("AdminGetJobLog", "UserWebGetJobLog")
def get_job_log(call: Call) -> Raw:
    text = joblog.text(call.job(), call.server.clock.now())
    return Raw(text.encode(), "text/plain; charset=utf-8")


@method("AdminGetJobLogEntries", "UserWebGetJobLogEntries")
def get_job_log_entries(call: Call) -> list[Wire]:
    """JobEntry list, from a minimum severity on, whose message contains a text."""
    least = call.text("MinSeverity") or joblog.SEVERITIES[0]
    if least not in joblog.SEVERITIES or len(least) != 1:
        raise bad_request("MinSeverity must be one of D, I, W, E")
    allowed = joblog.SEVERITIES[joblog.SEVERITIES.index(least) :]
    contains = call.text("MessageContains")
    return [
        {"Time": line.time, "Severity": line.severity, "Message": line.message}
        for line in joblog.lines(call.job(), call.server.clock.now())
        if line.severity in allowed and contains in line.message
    ]


@method("AdminJobCancel", "UserWebJobCancel")
def job_cancel(call: Call) -> Wire:
    """Asks the device to stop; refused without a live connection of it, or once the job has ended."""
    job = _job_of_user(call)
    now = call.server.clock.now()
    if not wire(job, now).get("CancellationID"):
        raise bad_request("Job can't be cancelled")
    if call.server.turn_of(job.device) is None:
        raise bad_request("The device is not connected")
    call.server.end_job(job, CANCELLED)
    return done()


@method("AdminJobAbandon")
def job_abandon(call: Call) -> Wire:
    """Marks an unfinished job as given up, without asking the device; it is revived if that reports again."""
    job = _job_of_user(call)
    revives_at = call.server.abandon_job(job)
    if revives_at is not None:
        call.life.await_revival(job, revives_at)
    return done()


def _job_of_user(call: Call) -> Job:
    username, job = call.target_user(), call.job()
    if job.username != username:
        raise job_not_found()
    return job


def _wires(call: Call, jobs: Iterable[Job]) -> list[Wire]:
    now = call.server.clock.now()
    return [wire(job, now) for job in jobs if call.may_see_user(job.username)]
