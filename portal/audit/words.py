"""What people read for an action and for what is told of it."""

from typing import Any, Final

WORDS: Final = {
    "alert.acknowledge": "Acknowledged alerts",
    "alert.hook_test": "Sent a test of alerts",
    "alert.mail": "Changed mail about alerts",
    "alert.resume": "Ended a snooze of alerts",
    "alert.rules": "Changed rules of alerts",
    "alert.snooze": "Snoozed alerts",
    "alert.undo": "Took back what was done with alerts",
    "audit.export": "Exported the audit",
    "audit.prune": "Removed a month of the audit",
    "backup.run": "Ran backups",
    "event.dismiss": "Dismissed an event set aside",
    "event.replay": "Replayed events set aside",
    "factor.add": "Set up a second factor",
    "factor.fail": "Failed to confirm with a second factor",
    "factor.new_codes": "Made new recovery codes",
    "factor.recovery_code": "Used a recovery code",
    "factor.remove": "Removed a second factor",
    "factor.reset": "Reset second factors",
    "factor.rule": "Changed who needs a second factor",
    "factor.use": "Confirmed with a second factor",
    "job.abandon": "Abandoned Jobs",
    "job.cancel": "Cancelled Jobs",
    "operation.cancel": "Cancelled an Operation",
    "person.close": "Closed a sign-in",
    "password.change": "Changed the password",
    "password.reset": "Set a new password by mail",
    "person.edit": "Changed the own settings",
    "person.invite": "Invited a person",
    "person.join": "Accepted an invitation",
    "person.link": "Tied a sign-in to the company's provider",
    "person.reopen": "Reopened a sign-in",
    "person.role-exclude": "Left tenants out of a role",
    "person.role-give": "Gave a role",
    "person.role-remove": "Took a role",
    "person.uninvite": "Took an invitation back",
    "person.view-as": "Viewed as somebody else",
    "placement.history": "Moved the history of users",
    "request.limited": "Was slowed down",
    "request.refused": "Was refused",
    "role.create": "Made a role",
    "role.delete": "Deleted a role",
    "role.edit": "Changed a role",
    "session.end": "Ended a session",
    "session.end_others": "Ended sessions",
    "server.admin.remove": "Removed an administrator the portal made",
    "server.edit": "Changed a Comet Server",
    "server.link": "Linked a Comet Server",
    "server.own_admin": "Made the portal an administrator",
    "server.place": "Placed organizations",
    "server.place_back": "Placed organizations or users back",
    "server.place_users": "Placed users by hand",
    "server.sync": "Synced a Comet Server",
    "server.unlink": "Unlinked a Comet Server",
    "server.unplace": "Returned placements to the server's owner",
    "sign_in": "Signed in",
    "sign_in.failed": "Failed to sign in",
    "sign_out": "Signed out",
    "sso.admin.make": "Made an organization administrator",
    "sso.end": "Ended a Comet session",
    "sso.key": "Signed a window into Comet",
    "sso.launch": "Opened Comet",
    "stream.close": "Chose to hear a Comet Server by webhook alone",
    "stream.open": "Opened the event stream of a Comet Server again",
    "tenant.create": "Made a tenant",
    "tenant.move": "Moved a tenant",
    "tenant.purge": "Deleted a tenant for good",
    "tenant.rename": "Renamed a tenant",
    "webhook.check": "Checked the webhook of a Comet Server",
    "webhook.remove": "Removed the webhook of a Comet Server",
    "webhook.secret": "Renewed the secret of a webhook",
    "webhook.set-up": "Set up the webhook of a Comet Server",
    "tenant.restore": "Restored a tenant",
    "tenant.resume": "Resumed a tenant",
    "tenant.suspend": "Suspended a tenant",
    "tenant.trash": "Put a tenant into the trash",
    "user.resume": "Resumed users",
    "user.suspend": "Suspended users",
    "token.make": "Made an API token",
    "token.new_address": "Used an API token from a new address",
    "token.refused": "Was refused with an API token",
    "token.revoke": "Revoked an API token",
}
"""Actions by name. One that is not here is said by its name."""


def said(action: str) -> str:
    return WORDS.get(action) or action.replace(".", " ").replace("_", " ").capitalize()


def told(details: dict[str, Any]) -> list[tuple[str, str]]:
    """What is told of an action, as pairs of label and text; what it changed is told by `changes_in`."""
    return [
        (key.replace("_", " ").capitalize(), _text(value))
        for key, value in details.items()
        if key != "changes" and value not in ("", None, [], {})
    ]


def changes_in(details: dict[str, Any]) -> list[dict[str, str]]:
    """What an action changed: each with `field`, `before` and `after`."""
    changes = details.get("changes", [])
    return [one for one in changes if isinstance(one, dict)] if isinstance(changes, list) else []


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_text(part) for part in value)
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {_text(held)}" for key, held in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
