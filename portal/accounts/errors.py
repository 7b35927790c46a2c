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
