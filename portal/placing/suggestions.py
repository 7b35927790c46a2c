"""Which Tenant an organization or a User Profile probably belongs to, why, and how sure that is."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from rapidfuzz import fuzz, process

from portal.accounts.models import Membership
from portal.core.access import Access
from portal.placing.selectors import list_open_targets

CLOSE: Final = 84.0
"""How alike two names must be, of 100."""

LEGAL_FORMS: Final = re.compile(
    r"\b(ab|ag|as|bv|co|corp|corporation|gbr|gmbh|inc|kg|kft|limited|llc|llp|ltd|mbh|nv|oy|plc|pty"
    r"|sa|sarl|sas|spa|srl|the|und|and)\b"
)
"""Words of a name that tell no two companies apart."""

ANYBODYS: Final = re.compile(
    r"(aol|fastmail|gmail|googlemail|hotmail|icloud|live|mac|mail|me|msn|outlook|pm|proton|protonmail|qq"
    r"|yahoo|ymail|zoho)\.[a-z.]{2,6}|gmx\.[a-z]+|(t-online|web|freenet)\.de|(mail|yandex)\.ru"
)
"""Mail domains that say nothing of whose the address is."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A Tenant that may be meant. `confidence` is in percent."""

    tenant_id: int
    tenant_name: str
    reason: str
    confidence: int
    is_exact: bool = False


def domain_of(address: str) -> str:
    """The domain of a mail address that tells whose it is; '' for any other text."""
    _, at, domain = address.strip().casefold().rpartition("@")
    return domain if at and "." in domain and not ANYBODYS.fullmatch(domain) else ""


def plain_name(text: str) -> str:
    """A name as it is compared: case, width, and the number of spaces say nothing."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _core(text: str) -> str:
    """What of a name tells companies apart: its words but for legal forms, in one order."""
    words = "".join(c if c.isalnum() else " " for c in plain_name(text).replace(".", ""))
    return " ".join(sorted(LEGAL_FORMS.sub(" ", words).split())) or plain_name(text)


class Matcher:
    """The Tenants that the caller may place things with, by name and by their people's mail domains."""

    def __init__(self, access: Access) -> None:
        self._names = dict(list_open_targets(access).values_list("pk", "name"))
        self._exact: dict[str, list[int]] = defaultdict(list)
        self._cores: dict[int, str] = {}
        for pk, name in self._names.items():
            self._exact[plain_name(name)].append(pk)
            self._cores[pk] = _core(name)
        people = Membership.objects.visible_to(access, "person:view").filter(
            tenant__in=list_open_targets(access).values("pk"), user__is_active=True
        )
        self._domains: dict[str, set[int]] = defaultdict(set)
        for email, tenant_id in people.values_list("user__email", "tenant_id"):
            if domain := domain_of(email):
                self._domains[domain].add(tenant_id)

    def suggest(
        self, names: Sequence[str], domains: Mapping[str, int], *, close: bool = True
    ) -> Suggestion | None:
        """The likeliest Tenant, by any of `names` or by mail `domains` (each with how often it occurs)."""
        exact = self._by_exact_name(names)
        if exact is not None and exact.is_exact:
            return exact
        by_name = exact or (self._by_close_name(names) if close else None)
        by_domain = self._by_domain(domains)
        if by_name is None or by_domain is None:
            return by_name or by_domain
        best = max(by_name, by_domain, key=lambda one: one.confidence)
        if by_name.tenant_id != by_domain.tenant_id:
            return best
        return replace(
            best, reason=f"{by_name.reason}; {by_domain.reason}", confidence=min(98, best.confidence + 8)
        )

    def domains(self) -> list[str]:
        return sorted(self._domains)

    def plain_names(self) -> list[str]:
        return sorted(self._exact)

    def _by_exact_name(self, names: Sequence[str]) -> Suggestion | None:
        for name in names:
            found = self._exact.get(plain_name(name), []) if name.strip() else []
            if len(found) == 1:
                return self._suggestion(found[0], "Same name", 100, is_exact=True)
            if found:
                return self._suggestion(found[0], f"Same name as {len(found)} tenants", 50)
        return None

    def _by_close_name(self, names: Sequence[str]) -> Suggestion | None:
        best: Suggestion | None = None
        for name in names:
            core = _core(name)
            if len(core) < 3:
                continue
            close = process.extract(core, self._cores, scorer=fuzz.ratio, score_cutoff=CLOSE, limit=2)
            if not close:
                continue
            _, score, pk = close[0]
            tied = len(close) > 1 and score - close[1][1] < 2
            confidence = int(score * 0.95) - (25 if tied else 0)
            if best is None or confidence > best.confidence:
                best = self._suggestion(pk, "Close name", confidence)
        return best

    def _by_domain(self, domains: Mapping[str, int]) -> Suggestion | None:
        total = sum(domains.values())
        votes: dict[tuple[int, str], float] = defaultdict(float)
        for domain, count in domains.items():
            tenants = self._domains.get(domain, set())
            for tenant_id in tenants:
                votes[tenant_id, domain] += count / len(tenants)
        if not votes:
            return None
        (tenant_id, domain), weight = max(votes.items(), key=lambda vote: (vote[1], -vote[0][0]))
        return self._suggestion(tenant_id, f"Mail domain {domain}", 50 + int(40 * weight / total))

    def _suggestion(
        self, tenant_id: int, reason: str, confidence: int, *, is_exact: bool = False
    ) -> Suggestion:
        return Suggestion(tenant_id, self._names[tenant_id], reason, confidence, is_exact)


def domains_in(addresses: Iterable[str]) -> dict[str, int]:
    """How often each telling mail domain occurs."""
    return dict(Counter(filter(None, map(domain_of, addresses))))
