"""What people read for an action and for what is told of it."""

from typing import Any, Final

WORDS: Final = {
    "backup.run": "Ran backups",
    "job.cancel": "Cancelled Jobs",
    "operation.cancel": "Cancelled an Operation",
    "server.link": "Linked a Comet Server",
    "server.edit": "Changed a Comet Server",
    "server.unlink": "Unlinked a Comet Server",
    "server.sync": "Synced a Comet Server",
    "placement.set": "Placed an organization",
    "tenant.create": "Made a tenant",
    "tenant.rename": "Renamed a tenant",
    "person.invite": "Invited a person",
    "person.join": "Accepted an invitation",
    "sign_in": "Signed in",
    "sign_in.failed": "Failed to sign in",
    "sign_out": "Signed out",
    "sso.launch": "Opened Comet",
    "sso.key": "Signed a window into Comet",
    "sso.end": "Ended a Comet session",
}
"""Actions by name. One that is not here is said by its name."""


def said(action: str) -> str:
    return WORDS.get(action) or action.replace(".", " ").replace("_", " ").capitalize()


def told(details: dict[str, Any]) -> list[tuple[str, str]]:
    """What is told of an action, as pairs of label and text."""
    return [(key.replace("_", " ").capitalize(), _text(value)) for key, value in details.items()]


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(part) for part in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
