"""What holds in a tenant: its own rules, else those of the nearest tenant above that has some."""

from dataclasses import dataclass
from datetime import datetime, time

from django.conf import settings

from portal.alerts import quiet
from portal.alerts.models import SILENT_DAYS, STALE_MINUTES, Rules


@dataclass(frozen=True, slots=True)
class Effective:
    """What holds in one tenant."""

    silent_days: int = SILENT_DAYS
    stale_minutes: int = STALE_MINUTES
    quiet_hours: tuple[time, time, str] | None = None
    """From, until, and the time zone of both."""

    def quiet_end(self, now: datetime) -> datetime | None:
        """When the quiet hours end that `now` lies in; None where it lies in none."""
        return quiet.quiet_end(now, *self.quiet_hours) if self.quiet_hours else None


class RuleBook:
    """All rules there are, read with one query."""

    def __init__(self) -> None:
        self._by_tenant = {rules.tenant_id: rules for rules in Rules.objects.defer("hook_secret", "hook_key")}
        self._known: dict[str, Effective] = {}

    def of(self, path: str) -> Effective:
        """What holds in the tenant of that `path`."""
        if path not in self._known:
            self._known[path] = self._work_out(path)
        return self._known[path]

    def shortest_silence(self) -> int:
        """The fewest days after which silence is told of anywhere."""
        return min(
            [rules.silent_days for rules in self._by_tenant.values() if rules.silent_days] + [SILENT_DAYS]
        )

    def _work_out(self, path: str) -> Effective:
        above = [self._by_tenant.get(int(part)) for part in reversed(path.strip("/").split("/")) if part]
        held = [rules for rules in above if rules is not None]
        silent = next((one.silent_days for one in held if one.silent_days is not None), SILENT_DAYS)
        stale = next((one.stale_minutes for one in held if one.stale_minutes is not None), STALE_MINUTES)
        quiet_hours = next(
            (
                (one.quiet_from, one.quiet_until, one.time_zone or settings.TIME_ZONE)
                for one in held
                if one.quiet_from is not None and one.quiet_until is not None
            ),
            None,
        )
        return Effective(silent, stale, quiet_hours)
