"""What can go wrong with linked Comet Servers, in words for the person who asked."""

import comet


class LinkRefused(Exception):
    """A Comet Server cannot be linked or changed as asked. `field` is the form field at fault."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class CredentialGone(comet.CometError):
    """The stored credential of a Comet Server no longer works, and only a person can give another."""
