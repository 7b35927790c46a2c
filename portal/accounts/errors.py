"""What can go wrong with people and invitations, in words for people."""


class InvitationUnusable(Exception):
    """The link cannot be used; the message says why and what to do."""


class RoleRefused(Exception):
    """A person tried to give or take a role he may not; the message says why."""
