"""What a Line says of one URL, and what follows from it for somebody in some place."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.refusals.cast import Asker
from tests.refusals.places import ANCESTOR, OWN, SIBLING, SUB, Place

PUBLIC: Final = "public"
SIGNED_IN: Final = "signed-in"
ANYTHING: Final = "anything"
"""Stands for a permission: any at all."""

NOT_OFFERED: Final = 405
SIGN_IN: Final = 302
NO_TOKEN: Final = 401
Args = Callable[[Place], list[Any]]
Data = Callable[[Place], Mapping[str, Any]] | Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """One URL: who passes its door, and what each relation between asker and object gets.

    `get` and `post` are the answers where the object is in the asker's own tenant or below it; 405 is a
    method the URL does not offer. A sibling's and an ancestor's object is not there: 404. Who lacks the
    permission at the door gets 403 whatever he asks for.
    """

    gate: str
    """The permission of the view's decorator; also `public` and `signed-in`."""
    get: int = 200
    post: int = NOT_OFFERED
    of: Args | None = None
    """The URL's arguments for an object of a place; None where the URL names none."""
    query: Data | None = None
    data: Data | None = None
    """What is sent by GET and by POST; it may name an object, as `of` does."""
    sibling: int = 404
    ancestor: int = 404
    see: str = ""
    """The permission to see the object, without which it is not there; else that of the gate."""
    unseen: int = 404
    """The answer to who lacks that; a list's, to who finds no row in it."""
    act: str = ""
    """What is needed besides, on an object that is seen: else 403."""
    change: str = ""
    """The same for POST alone."""
    post_gate: str = ""
    """A second door that POST passes before anything is looked up."""
    grants: frozenset[str] = frozenset()
    """What POST gives or takes: it is refused with 422 to who does not hold that in all of the place."""
    is_mine: bool = False
    """Whether the object belongs to one person, and is there for nobody else."""
    with_a_key: tuple[int, int] | None = None
    """What GET and POST of somebody with a security key are answered, where that differs."""
    by_token: bool = False
    """Whether scripts ask, with an API token, and no browser."""
    shows: bool = False
    """Whether it is a list in which the marks of the places stand."""
    why_open: str = ""
    """Why it answers without a session."""
    signed_in: tuple[int, int] | None = None
    """What a public URL answers to GET and POST of somebody signed in, where that differs."""

    @property
    def names_an_object(self) -> bool:
        return bool(self.of or callable(self.query) or callable(self.data))

    def sent(self, method: str, place: Place) -> dict[str, Any]:
        """The fields of a request. A form always has one, so that it is no form left out."""
        data = (self.query if method == "get" else self.data) or {}
        fields = dict(data(place) if callable(data) else data)
        return fields if method == "get" else {"nothing": "known", **fields}

    def offered(self, method: str) -> int:
        return self.get if method == "get" else self.post

    def to_the_anonymous(self, method: str) -> int:
        if self.gate == PUBLIC:
            return self.offered(method)
        if self.by_token:
            return self.offered(method) if self.offered(method) == NOT_OFFERED else NO_TOKEN
        return SIGN_IN

    def wanted(self, asker: Asker, relation: str, method: str) -> int:
        """The one status somebody signed in gets for an object of the place `relation` stands for."""
        allowed = self.offered(method)
        if self.gate == PUBLIC:
            return allowed if self.signed_in is None else self.signed_in[method == "post"]
        if allowed == NOT_OFFERED:
            return NOT_OFFERED
        if self.with_a_key and asker.is_keeper:
            return self.with_a_key[method == "post"]
        if self.by_token and not asker.permissions:
            return NO_TOKEN  # a token whose owner has no role at all lets nobody in
        if not self._passes(asker, method):
            return 403
        if self.is_mine:
            return allowed if relation == OWN and asker.is_keeper else 404
        if self.names_an_object and relation not in asker.reach:
            return self._not_there(relation)
        if self.see and not _holds(asker, self.see):
            return self.unseen
        needed = (self.act, self.change if method == "post" else "")
        if not all(not one or _holds(asker, one) for one in needed):
            return 403
        if method == "post" and not (self.grants <= asker.permissions and asker.holds_whole(relation)):
            return 422 if self.grants else allowed
        return allowed

    def _passes(self, asker: Asker, method: str) -> bool:
        doors = (self.gate, self.post_gate if method == "post" else "")
        return all(one in ("", SIGNED_IN) or _holds(asker, one) for one in doors)

    def _not_there(self, relation: str) -> int:
        return {OWN: 404, SUB: 404, SIBLING: self.sibling, ANCESTOR: self.ancestor}[relation]

    def showing(self, asker: Asker) -> frozenset[str]:
        """The places whose rows somebody finds in a list."""
        return asker.reach if self.shows and _holds(asker, self.see or self.gate) else frozenset()


def _holds(asker: Asker, permission: str) -> bool:
    return bool(asker.permissions) if permission == ANYTHING else permission in asker.permissions


def rows(permission: str, **facts: Any) -> Line:
    """A list: everybody finds his own rows in it."""
    return Line(permission, shows=True, **facts)


def form(permission: str, of: Args | None = None, **facts: Any) -> Line:
    """A page with a form. Sent empty, it comes back."""
    return Line(permission, of=of, **({"post": 422} | facts))


def action(permission: str, of: Args | None = None, **facts: Any) -> Line:
    """What changes something, and offers no page."""
    return Line(permission, of=of, **({"get": NOT_OFFERED, "post": 302} | facts))


def public(why_open: str, **facts: Any) -> Line:
    return Line(PUBLIC, why_open=why_open, **facts)
