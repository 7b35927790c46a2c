"""Opens Comet signed in: a launch with a key of its own, fetched once, revoked at its end."""

import hashlib
from datetime import timedelta
from typing import Any, Final

from django.utils import timezone

import comet
from comet.web_signin import session_login, user_session_login
from portal.audit import services as audit
from portal.core.background import send_task_on_commit
from portal.core.encryption import Secret, SecretUnreadable
from portal.core.key_state import key_state, require_right_keys
from portal.servers.models import CometServer
from portal.sso import keys
from portal.sso.doors import Door
from portal.sso.errors import KeyGone, LaunchRefused
from portal.sso.models import Launch

TIME_BOX: Final = timedelta(minutes=30)
"""How long a sign-in lasts; then its key is revoked."""

FETCH_WITHIN: Final = timedelta(minutes=2)
"""A key that no window has asked for by then is revoked."""

REVOKE_TASK: Final = "portal.sso.tasks.revoke_launch"

FIRST_PAUSE: Final = timedelta(seconds=10)
LONGEST_PAUSE: Final = timedelta(minutes=15)

GIVE_UP_AFTER: Final = timedelta(hours=50)
"""Comet ends a key that is not used after at most 48 hours; then there is nothing left to revoke."""


def session_digest(session_key: str | None) -> str:
    """What a launch stores of the browser session it is bound to."""
    return hashlib.sha256((session_key or "").encode()).hexdigest()


def start(
    door: Door, *, user: Any, portal_session: str, reason: str, embedded: bool, ip: str | None
) -> Launch:
    """Issue a session key for one sign-in through `door`. Calls the Comet Server, within 5 s.

    `portal_session` is the digest of the browser session that may fetch the key.

    Raises:
        LaunchRefused: it cannot be opened; nothing was issued.
    """
    details = {
        "as": door.kind.label,
        "server": str(door.server),
        "organization": str(door.organization or ""),
        "username": door.who,
        "reason": reason,
        "embedded": embedded,
    }
    with audit.record(
        "sso.launch",
        actor=user,
        tenant_id=door.tenant_id,
        target=door.profile or door.organization or door.server,
        ip=ip,
        details=details,
        refusals=(LaunchRefused,),
    ) as action:
        try:
            door.require_open()
            require_right_keys()  # a key that cannot be kept could not be revoked either
            issued = keys.issue(door, user=user, ip=ip)
        except (SecretUnreadable, LookupError) as error:
            raise LaunchRefused(
                f"The stored credential of {door.server} cannot be opened."
                " Store it anew on the server's page."
            ) from error
        launch = Launch.objects.create(
            kind=door.kind,
            tenant_id=door.tenant_id,
            server=door.server,
            organization=door.organization,
            profile=door.profile,
            user=user,
            portal_session=portal_session,
            reason=reason,
            embedded=embedded,
            comet_username=issued.username,
            session_key=Secret.seal(issued.key),
            api_url=door.server.api_url,
            expires_at=timezone.now() + TIME_BOX,
        )
        action.details = {"launch": str(launch.pk), "until": launch.expires_at.isoformat(timespec="seconds")}
    return launch


def take_message(launch: Launch, *, user: Any, ip: str | None) -> dict[str, str]:
    """The sign-in message for the opened window, key included; given out once.

    Raises:
        KeyGone: it was given out already, or the launch has ended.
    """
    now = timezone.now()
    taken = Launch.objects.filter(
        pk=launch.pk, state=Launch.State.ISSUED, fetched_at=None, expires_at__gt=now
    ).update(state=Launch.State.OPEN, fetched_at=now)
    with audit.record(
        "sso.key",
        actor=user,
        tenant_id=launch.tenant_id,
        target=launch,
        ip=ip,
        details={"launch": str(launch.pk)},
        refusals=(KeyGone,),
    ):
        if not taken or launch.session_key is None:
            raise KeyGone("This sign-in was used already or has ended. Open Comet again.")
        message = user_session_login if launch.kind == Launch.Kind.END_USER else session_login
        return message(launch.comet_username, launch.session_key.reveal())


def end(launch: Launch, *, because: str) -> bool:
    """End a sign-in; a worker revokes its key. False when it had ended already."""
    return end_all([launch.pk], because=because) > 0


def end_of_session(user: Any, portal_session: str, *, because: str) -> int:
    """End what `user` opened from one browser session."""
    mine = Launch.objects.filter(user=user, portal_session=portal_session)
    return end_all(list(mine.values_list("pk", flat=True)), because=because)


def end_all(ids: list[Any], *, because: str) -> int:
    """End these launches, those that are live; tells how many were."""
    ended = 0
    live = Launch.objects.filter(pk__in=ids, state__in=[Launch.State.ISSUED, Launch.State.OPEN])
    for pk in list(live.values_list("pk", flat=True)):
        now = timezone.now()
        changed = Launch.objects.filter(pk=pk, state__in=[Launch.State.ISSUED, Launch.State.OPEN]).update(
            state=Launch.State.ENDING, ended_at=now, revoke_after=now, ended_because=because
        )
        if changed:
            ended += 1
            send_task_on_commit(REVOKE_TASK, str(pk))
    return ended


def end_at(server: CometServer, actor: Any) -> list[str]:
    """End what is open at a server that is about to be forgotten, and revoke it here and now."""
    launches = Launch.objects.filter(server=server)
    end_all(list(launches.values_list("pk", flat=True)), because="server unlinked")
    for pk in launches.filter(state=Launch.State.ENDING).values_list("pk", flat=True):
        revoke(pk)
    return []  # a key that is left ends with its time box


def revoke(launch_id: Any) -> None:
    """Revoke the key of a launch that is ending, if nobody else does at this moment.

    A server that does not answer is asked again, with growing pauses, by the sweep; so is one whose key
    cannot be read while the keys in ENCRYPTION_KEYS are not the right ones.
    """
    now = timezone.now()
    claimed = Launch.objects.filter(pk=launch_id, state=Launch.State.ENDING, revoke_after__lte=now).update(
        revoke_after=now + timedelta(seconds=6 * keys.REVOKE_SECONDS)
    )
    if not claimed:
        return
    launch = Launch.objects.select_related("server", "organization", "user").get(pk=launch_id)
    launch.revoke_attempts += 1
    try:
        keys.revoke(launch)
    except (comet.CometError, SecretUnreadable) as error:
        lacks_key = isinstance(error, SecretUnreadable) and not key_state().is_ready
        if now < launch.expires_at + GIVE_UP_AFTER or lacks_key:
            _try_again(launch, audit.error_text(error))
            return
        launch.problem = "Its key could not be revoked; Comet itself has ended it by now."
    launch.state = Launch.State.REVOKED if launch.fetched_at else Launch.State.FAILED
    launch.session_key = None
    launch.revoke_after = None
    launch.save(update_fields=["state", "session_key", "revoke_after", "revoke_attempts", "problem"])
    audit.note(
        "sso.end",
        audit.FAILED if launch.problem else audit.DONE,
        actor=launch.user,
        tenant_id=launch.tenant_id,
        target=launch,
        details={
            "launch": str(launch.pk),
            "because": launch.ended_because,
            "attempts": launch.revoke_attempts,
            "used": launch.fetched_at is not None,
        },
    )


def sweep() -> None:
    """End what is over, and revoke what is still to be revoked."""
    now = timezone.now()
    live = Launch.objects.filter(state__in=[Launch.State.ISSUED, Launch.State.OPEN])
    over = list(live.filter(expires_at__lte=now).values_list("pk", flat=True))
    unused = list(
        live.filter(state=Launch.State.ISSUED, issued_at__lte=now - FETCH_WITHIN).values_list("pk", flat=True)
    )
    end_all(over, because="time box")
    end_all(unused, because="never used")
    due = Launch.objects.filter(state=Launch.State.ENDING, revoke_after__lte=now - FIRST_PAUSE / 2)
    for pk in due.order_by("revoke_after").values_list("pk", flat=True)[:100]:
        send_task_on_commit(REVOKE_TASK, str(pk))


def _try_again(launch: Launch, problem: str) -> None:
    pause = min(FIRST_PAUSE * (1 << min(launch.revoke_attempts - 1, 10)), LONGEST_PAUSE)
    Launch.objects.filter(pk=launch.pk).update(
        revoke_attempts=launch.revoke_attempts, revoke_after=timezone.now() + pause, problem=problem[:500]
    )
