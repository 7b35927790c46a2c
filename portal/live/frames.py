"""What one tick, or one catching up, sends: facts noted, rows drawn, a text for each audience."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from itertools import islice
from typing import Final, NamedTuple

from portal.core.events import Fact
from portal.live.marks import FRESHNESS, Mark, freshness_mark, mark_of, marks_html, wants_of
from portal.live.pieces import Piece, render_pieces
from portal.live.selectors import list_tenants_placed_on
from portal.live.topics import Audience, Topic

ROWS_PER_TICK: Final = 400
"""Of one kind. What is more waits for the next tick, merged with what changes meanwhile."""

LINES_PER_TICK: Final = 200
"""Of the activity of one Tenant, the newest: no page keeps more lines, whoever it is of."""


class Wish(NamedTuple):
    """Whose a row is, as the fact says that named it, and the topics of open pages that may show it."""

    tenant_id: int | None
    topics: set[Topic]


Wanted = dict[str, dict[int, Wish]]
"""By kind and id, the first that was noted first."""

Marks = dict[tuple[str, int], Mark]
"""By name and id."""


def frame(
    audience: Audience, pieces: Iterable[Piece], marks: Iterable[Mark], *, refresh: bool = False
) -> str:
    """What one audience may see of these pieces and marks; the last piece per DOM id wins."""
    topics, sight = audience
    shown = {piece.dom_id: piece.html for piece in pieces if piece.is_for(topics, sight)}
    named = [mark for mark in marks if mark.is_for(topics, sight)]
    tail = marks_html(named, refresh=refresh) if named or refresh else ""
    return "\n".join(shown.values()) + tail


def note(fact: Fact, open_topics: Collection[Topic], wanted: Wanted, marks: Marks) -> None:
    for want in wants_of(fact):
        topics = want.topics.intersection(open_topics)
        if topics:
            wanted[want.kind].setdefault(want.id, Wish(fact.tenant_id, set())).topics.update(topics)
    if fact.name == "server.changed":
        wanted[FRESHNESS][fact.ids["server"]] = Wish(None, set())
    mark = mark_of(fact)
    if mark is not None:
        _note_mark(mark, marks)


def note_again(wanted: Wanted, marks: Marks, later_wanted: Wanted, later_marks: Marks) -> None:
    """Add what was noted later to what was taken out to be sent, and was not."""
    for kind, rows in later_wanted.items():
        for pk, wish in rows.items():
            wanted[kind].setdefault(pk, Wish(wish.tenant_id, set())).topics.update(wish.topics)
    for mark in later_marks.values():
        _note_mark(mark, marks)


def _note_mark(mark: Mark, marks: Marks) -> None:
    held = marks.get((mark.name, mark.id))
    marks[mark.name, mark.id] = mark if held is None or not held.is_added else held


def split(wanted: Wanted) -> tuple[Wanted, Wanted]:
    """What one tick renders, and the rest; lines that newer ones would push off any page are in neither."""
    now: Wanted = defaultdict(dict)
    later: Wanted = defaultdict(dict)
    for kind, rows in wanted.items():
        by_id = _newest_lines(rows) if kind == "event" else rows
        now[kind] = dict(islice(by_id.items(), ROWS_PER_TICK))
        if len(by_id) > ROWS_PER_TICK:
            later[kind] = dict(islice(by_id.items(), ROWS_PER_TICK, None))
    return now, later


def _newest_lines(rows: dict[int, Wish]) -> dict[int, Wish]:
    """Of each Tenant those that were noted last, in their order."""
    if len(rows) <= LINES_PER_TICK:
        return rows
    counts = Counter[int | None]()
    kept = []
    for pk, wish in reversed(rows.items()):
        counts[wish.tenant_id] += 1
        if counts[wish.tenant_id] <= LINES_PER_TICK:
            kept.append((pk, wish))
    return dict(reversed(kept))


def render(wanted: Wanted) -> tuple[list[Piece], list[Mark]]:
    """The pieces, and the marks of those whose rows are on a server that is fresher or staler now."""
    servers = wanted.get(FRESHNESS, {})
    tenant_ids = list_tenants_placed_on(servers) if servers else []
    topics = {
        kind: {pk: wish.topics for pk, wish in rows.items()}
        for kind, rows in wanted.items()
        if kind != FRESHNESS
    }
    return list(render_pieces(topics)), [freshness_mark(tenant_id) for tenant_id in tenant_ids]
