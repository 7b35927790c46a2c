"""System checks: keys that are missing, damaged or wrong, and key files that lie where they should not."""

import stat
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register

from portal.core.environment import SECRET_FILES
from portal.core.key_state import look
from portal.core.keys import SecretUnreadable, current_keys


@register(Tags.security)
def check_keys(**_: Any) -> list[CheckMessage]:
    """Warnings, no errors: without its keys the portal starts, says so, and destroys nothing."""
    if not settings.PRODUCTION:
        return []
    try:
        current_keys()
    except SecretUnreadable as problem:
        return [Warning(str(problem), hint="Make a key: manage.py secrets new-key", id="core.W001")]
    return []


@register(Tags.database)
def check_keys_open_secrets(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Whether the keys are those of this database; asked by `manage.py check --database default`."""
    if not databases:
        return []
    state = look()
    return [Warning(state.problem, hint=state.advice, id="core.W002")] if state.problem else []


@register(Tags.security, deploy=True)
def check_host_names(**_: Any) -> list[CheckMessage]:
    """Links in mails and webhooks are made from the host name a request gives."""
    if not settings.PRODUCTION or "*" not in settings.ALLOWED_HOSTS:
        return []
    hint = "List the names under which people reach the portal."
    return [Warning("ALLOWED_HOSTS holds *, so any name passes for the portal's.", hint=hint, id="core.W005")]


@register(Tags.security)
def check_secret_files(**_: Any) -> list[CheckMessage]:
    """A key beside the database is stolen, and lost, together with it."""
    if not settings.PRODUCTION:
        return []
    found: list[CheckMessage] = []
    data = settings.DATA_DIR.resolve()
    for variable, path in SECRET_FILES.items():
        if path.resolve().is_relative_to(data):
            found.append(
                Warning(
                    f"{variable} names {path}, which lies in the data folder beside the database.",
                    hint="Keep it elsewhere: whoever copies the folder would have the secrets and their key.",
                    id="core.W003",
                )
            )
        if path.exists() and path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
            found.append(
                Warning(
                    f"{variable} names {path}, which others on this machine may read.",
                    hint=f"Close it: chmod 600 {path}",
                    id="core.W004",
                )
            )
    return found
