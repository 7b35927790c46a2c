"""Login protection: after too many wrong passwords an account is closed for a while."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from comet.emulator.assumptions import Assumptions
from comet.emulator.errors import Refusal

_TOO_MANY = 429
Account = tuple[str, str, str]  # kind, organization, name


@dataclass(slots=True)
class _Failures:
    count: int
    last_at: float


class LoginProtection:
    """Counts failures by LoginProtectionOptions. Counts live in memory, as a restart forgets them."""

    def __init__(
        self, options: Callable[[], dict[str, Any]], now: Callable[[], float], assumptions: Assumptions
    ) -> None:
        self._assumptions = assumptions
        self._options = options
        self._now = now
        self._failures: dict[Account, _Failures] = {}

    def admit(self, account: Account) -> None:
        """Raises Refusal (HTTP 429 unless assumed otherwise) while the account is closed."""
        options, held = self._options(), self._failures.get(account)
        if held is None or not options["Enabled"]:
            return
        left = held.last_at + options["CooldownSeconds"] - self._now()
        if left <= 0:
            del self._failures[account]
        elif held.count >= options["FailureThreshold"] > 0:
            headers = {"Retry-After": str(int(left) + 1)}
            status = self._assumptions.login_protection_status
            http_status = status if status == _TOO_MANY else 200
            message = "Too many failed logins, try again later"
            raise Refusal(status, message, http_status=http_status, headers=headers)

    def note_failure(self, account: Account) -> None:
        held = self._failures.setdefault(account, _Failures(0, 0.0))
        held.count += 1
        held.last_at = self._now()

    def note_success(self, account: Account) -> None:
        self._failures.pop(account, None)
