"""Changes to User Profiles under their hash, so that nobody's change is written over.

def suspend(profile: UserProfileConfig) -> None:
    profile.is_suspended = True

edit_profile(client, "bob", suspend)
"""

from collections.abc import Callable
from dataclasses import dataclass

from comet import errors, lossless
from comet.client import CometClient
from comet.types import AdminOptions, GetProfileAndHashResponseMessage, UserProfileConfig

Change = Callable[[UserProfileConfig], None]
"""Changes the profile it is given. It may be called again, with a fresher profile."""

_Read = Callable[[], GetProfileAndHashResponseMessage]
_Write = Callable[[UserProfileConfig, str], GetProfileAndHashResponseMessage]


@dataclass(frozen=True, slots=True)
class EditedProfile:
    """A profile as it is on the server after the edit, with its hash.

    `before` is the profile the change was made to; `was_written` is False when the change changed
    nothing; `conflicts` is how often somebody else was faster.
    """

    profile: UserProfileConfig
    profile_hash: str
    before: UserProfileConfig
    was_written: bool
    conflicts: int


def edit_profile(
    client: CometClient,
    username: str,
    change: Change,
    *,
    attempts: int = 5,
    admin_options: AdminOptions | None = None,
) -> EditedProfile:
    """Reads a user's profile, applies `change` and writes it, as administrator.

    When the profile changed on the server meanwhile, it is read again and `change` is applied to the
    new one, `attempts` times in all. A write whose answer was lost is not repeated.

    Raises:
        Conflict: the profile changed under every attempt.
        CometError: as in every call; what `change` raises goes through, and nothing is written.
    """
    return _edit(
        lambda: client.admin_get_user_profile_and_hash(target_user=username),
        lambda profile, profile_hash: client.admin_set_user_profile_hash(
            target_user=username, profile_data=profile, require_hash=profile_hash, admin_options=admin_options
        ),
        change,
        attempts,
    )


def edit_own_profile(client: CometClient, change: Change, *, attempts: int = 5) -> EditedProfile:
    """As `edit_profile`, for the end user the client is signed in as."""
    return _edit(
        client.user_web_get_user_profile_and_hash,
        lambda profile, profile_hash: client.user_web_set_profile_hash(
            profile_data=profile, profile_hash=profile_hash
        ),
        change,
        attempts,
    )


def _edit(read: _Read, write: _Write, change: Change, attempts: int) -> EditedProfile:
    found = read()
    problem: errors.APIError | None = None
    for conflicts in range(attempts):
        before = lossless.decode(lossless.encode(found.profile), UserProfileConfig)
        change(found.profile)
        if lossless.encode(found.profile) == lossless.encode(before):
            return EditedProfile(found.profile, found.profile_hash, before, False, conflicts)
        try:
            stored = write(found.profile, found.profile_hash)
        except errors.APIError as refusal:
            if not _may_be_conflict(refusal):
                raise
            latest = read()
            if latest.profile_hash == found.profile_hash:
                raise  # nothing changed: it was refused for another reason
            found, problem = latest, refusal
            continue
        if not stored.profile_hash:  # servers before 25.6 say only that it worked
            stored = read()
        return EditedProfile(stored.profile, stored.profile_hash, before, True, conflicts)
    raise problem or ValueError("an edit needs at least one attempt")


def _may_be_conflict(refusal: errors.APIError) -> bool:
    # 409 is what servers were seen to answer; the number is not documented, so every refusal that
    # is neither about the credential nor a breakdown is compared by hash.
    return isinstance(refusal, errors.Conflict) or type(refusal) is errors.APIError
