"""Email reports, as they would be sent."""

from html import escape
from typing import Any

from comet.emulator.call import Call, done, method
from comet.emulator.job import SUCCESS, WARNING, wire
from comet.emulator.search import matches

Wire = dict[str, Any]
_LISTED = 50


@method("AdminPreviewUserEmailReport")
def preview_user_email_report(call: Call) -> Wire:
    """The user's newest jobs that satisfy the report's filter."""
    username, clause = call.target_user(), call.document("EmailReportConfig")["Filter"]
    profile, now = call.server.profiles.stored(username) or {}, call.server.clock.now()
    jobs = [wire(job, now) for job in call.server.jobs.of_user(username)]
    if clause["RuleField"] or clause.get("ClauseChildren"):
        jobs = [job for job in jobs if matches(clause, job)]
    newest = sorted(jobs, key=lambda job: job["StartTime"], reverse=True)[:_LISTED]
    good = sum(job["Status"] in (SUCCESS, WARNING) for job in newest)
    subject = (
        f"Backup report for {profile['AccountName'] or username}: {good} of {len(newest)} jobs succeeded"
    )
    lines = [f"{job['StartTime']} {job['Status']} {job['GUID']}" for job in newest]
    rows = "".join(f"<tr><td>{escape(line)}</td></tr>" for line in lines)
    address = call.text("EmailAddress")
    return {
        **done(),
        "From": call.server.settings.section("", "Email")["FromEmail"],
        "To": [address] if address else profile["Emails"],
        "EmailSubject": subject,
        "EmailBodyHTML": f"<h1>{escape(subject)}</h1><table>{rows}</table>",
        "EmailBodyPlaintext": "\n".join([subject, *lines]) + "\n",
    }
