"""What can go wrong with people and invitations, in words for people."""

from typing import Any


class InvitationUnusable(Exception):
    """The link cannot be used; the message says why and what to do."""


class RoleRefused(Exception):
    """A person tried to give or take a role he may not; the message says why."""


class RoleChanged(Exception):
    """Somebody else changed a custom role meanwhile; `role` is what it is now."""

    def __init__(self, role: Any) -> None:
        super().__init__(f"{role.changed_by or 'Somebody'} changed this role while you did.")
        self.role = role


class ExceptionsChanged(Exception):
    """Somebody else changed what a role leaves out meanwhile."""

    def __init__(self) -> None:
        super().__init__("Somebody changed these exceptions while you did.")


class TokenRefused(Exception):
    """An API token cannot be made so; the message says why."""


class TokenUnusable(Exception):
    """An API token does not let in; the message says why and what to do.

    `token` is the one that was shown, where it is known; `is_guess` says that nothing like it was
    ever made here, so that nothing is worth noting.
    """

    def __init__(self, message: str, *, token: Any = None, is_guess: bool = False) -> None:
        super().__init__(message)
        self.token = token
        self.is_guess = is_guess
