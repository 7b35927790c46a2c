"""Session keys of admins and end users. Only a hash of a key is kept."""

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass

from comet.emulator.clock import Clock
from comet.emulator.journal import Journal

_WRITE_EVERY = 60  # seconds of use after which the journal hears of it


@dataclass(slots=True)
class Session:
    """`kind` is admin or user; times are seconds of `Clock.idle_now`.

    A `pending` one was given for a password alone and is good for nothing until it is upgraded.
    """

    kind: str
    username: str
    organization_id: str
    created_at: float
    used_at: float
    pending: bool = False


class Sessions:
    """Issues, finds, expires and revokes. A key belongs to one name, kind and organization."""

    def __init__(
        self, clock: Clock, journal: Journal, idle_seconds: Callable[[], int], secret_mark: str = ""
    ) -> None:
        self._mark = secret_mark
        self._clock = clock
        self._journal = journal
        self._idle_seconds = idle_seconds
        self.on_expiry: Callable[[Session], None] = lambda session: None
        self._sessions = {digest: Session(**entry) for digest, entry in journal.all("session").items()}

    def __len__(self) -> int:
        return len(self._sessions)

    def start(self, kind: str, username: str, organization_id: str, *, pending: bool = False) -> str:
        """A new key."""
        key = f"{self._mark}{uuid.uuid4()}"
        now = self._clock.idle_now()
        self._store(_digest(key), Session(kind, username, organization_id, now, now, pending))
        return key

    def upgrade(self, key: str, kind: str, username: str, organization_id: str) -> bool:
        """Make a pending key of that account a full one; False if there is none."""
        session = self._sessions.get(_digest(key))
        if session is None or not session.pending:
            return False
        if (session.kind, session.username, session.organization_id) != (kind, username, organization_id):
            return False
        session.pending, session.used_at = False, self._clock.idle_now()
        self._store(_digest(key), session)
        return True

    def use(self, key: str, kind: str, username: str, organization_id: str) -> bool:
        """Whether the key is good for that account; using it keeps it alive."""
        digest = _digest(key)
        session = self._sessions.get(digest)
        now = self._clock.idle_now()
        if session is None:
            return False
        if now - session.used_at > self._idle_seconds():
            self._expire(digest)
            return False
        if (session.kind, session.username, session.organization_id) != (kind, username, organization_id):
            return False
        if session.pending:
            return False
        if now - session.used_at > _WRITE_EVERY:
            session.used_at = now
            self._store(digest, session)
        session.used_at = now
        return True

    def revoke(self, key: str) -> None:
        self._forget(_digest(key))

    def revoke_all(self, kind: str, username: str, organization_id: str) -> None:
        """End every session of one account, as when it is deleted."""
        wanted = (kind, username, organization_id)
        for digest, session in list(self._sessions.items()):
            if (session.kind, session.username, session.organization_id) == wanted:
                self._forget(digest)

    def sweep(self) -> None:
        """Expire what has been idle for too long."""
        now = self._clock.idle_now()
        for digest, session in list(self._sessions.items()):
            if now - session.used_at > self._idle_seconds():
                self._expire(digest)

    def _expire(self, digest: str) -> None:
        session = self._sessions[digest]
        self._forget(digest)
        self.on_expiry(session)

    def _store(self, digest: str, session: Session) -> None:
        self._sessions[digest] = session
        self._journal.put("session", digest, asdict(session))

    def _forget(self, digest: str) -> None:
        if self._sessions.pop(digest, None) is not None:
            self._journal.forget("session", digest)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
