"""What is not known of real servers, and can therefore be turned."""

from dataclasses import dataclass, fields
from typing import Any

from comet.emulator.errors import bad_request
from comet.emulator.population import DAY


@dataclass
class Assumptions:
    """The defaults are the likeliest answers; `POST /assume` of the control plane changes them."""

    login_protection_status: int = 429
    refused_session_status: int = 403
    hash_conflict_status: int = 409
    recent_seconds: int = DAY  # how far back get-jobs-recent reaches
    search_prefix_required: bool = False  # whether a job search refuses Status for BackupJobDetail.Status
    tells_stopped_jobs: bool = True  # whether a job that a call cancelled or abandoned is told as completed

    def change(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Take over some; all of them as they are then. Raises Refusal for what is none, or malformed."""
        known = {field.name: type(getattr(self, field.name)) for field in fields(self)}
        for name, value in wanted.items():
            if name not in known or type(value) is not known[name] or value < 0:
                raise bad_request(f"{name} is no assumption, or not of its type")
        for name, value in wanted.items():
            setattr(self, name, value)
        return {name: getattr(self, name) for name in known}
