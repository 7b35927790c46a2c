"""Refusals, in the two layers a Comet Server speaks."""

from dataclasses import dataclass, field


@dataclass
class Refusal(Exception):
    """A call that is refused: `status` stands in the body, HTTP stays 200 unless said otherwise.

    `extra` are further fields of the body.
    """

    status: int
    message: str
    http_status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)


def unauthorised() -> Refusal:
    return Refusal(403, "Unauthorised")


def bad_request(message: str) -> Refusal:
    return Refusal(400, message)


def user_not_found() -> Refusal:
    """The same answer for a user who does not exist and one of another organization."""
    return Refusal(400, "User not found")


def job_not_found() -> Refusal:
    return Refusal(400, "Job not found")
