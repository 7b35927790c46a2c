"""Organizations and their hosts, and the policies of each."""

from typing import Any

from comet.emulator import profiles, shapes
from comet.emulator.journal import Journal
from comet.emulator.population import Population

Wire = dict[str, Any]
_POLICIES_MADE = 1_672_560_000


class Organizations:
    """Organization records by ID. The Host header of a call decides which of them it speaks to."""

    def __init__(self, population: Population, journal: Journal) -> None:
        self._journal = journal
        self._organizations: dict[str, Wire] = {}
        for seed in population.organizations:
            record: Wire = shapes.zero("Organization")
            record.update(Name=seed.name, Hosts=[seed.host])
            record["Branding"].update(BrandName=seed.name, ProductName=f"{seed.name} Backup")
            self._organizations[seed.guid] = record
        for guid, record in journal.all("organization").items():
            if record is None:
                self._organizations.pop(guid, None)
            else:
                self._organizations[guid] = record

    def all(self) -> dict[str, Wire]:
        return self._organizations

    def get(self, guid: str) -> Wire | None:
        return self._organizations.get(guid)

    def at_host(self, host_header: str) -> str:
        """The ID of the organization that owns the host, or the empty ID of the top level."""
        host = host_name(host_header)
        for guid, record in self._organizations.items():
            if host in (own.lower() for own in record["Hosts"]):
                return guid
        return ""

    def put(self, guid: str, record: Wire) -> str:
        """Create or replace; the ID."""
        self._organizations[guid] = record
        self._journal.put("organization", guid, record)
        return guid

    def delete(self, guid: str) -> None:
        del self._organizations[guid]
        self._journal.put("organization", guid, None)

    def replace(self, records: dict[str, Wire]) -> None:
        """Hold these organizations and no others."""
        for guid in self._organizations.keys() - records.keys():
            self.delete(guid)
        for guid, record in records.items():
            if self._organizations.get(guid) != record:
                self.put(guid, record)

    def section(self, guid: str, name: str) -> Any:
        """A part of an organization's record, or its external sign-in sources, which have no field there."""
        if name in self._organizations[guid]:
            return self._organizations[guid][name]
        return self._journal.get(name, guid) or {}

    def put_section(self, guid: str, name: str, value: Any) -> None:
        record = self._organizations[guid]
        if name in record:
            self.put(guid, {**record, name: value})
        else:
            self._journal.put(name, guid, value)


class Policies:
    """GroupPolicy records by ID."""

    def __init__(self, population: Population, journal: Journal) -> None:
        self._journal = journal
        self._policies = {seed.guid: profiles.policy(seed, _POLICIES_MADE) for seed in population.policies}
        for guid, record in journal.all("policy").items():
            if record is None:
                self._policies.pop(guid, None)
            else:
                self._policies[guid] = record

    def get(self, guid: str) -> Wire | None:
        return self._policies.get(guid)

    def hash(self, guid: str) -> str:
        return shapes.content_hash(self._policies[guid])

    def of(self, organization_id: str | None) -> dict[str, Wire]:
        """The policies of one organization; of all with None."""
        return {
            guid: policy
            for guid, policy in self._policies.items()
            if organization_id is None or policy["OrganizationID"] == organization_id
        }

    def put(self, guid: str, record: Wire) -> None:
        """Create or replace. A new default policy takes that mark from its organization's other ones."""
        if record["DefaultUserPolicy"]:
            for other, policy in self.of(record["OrganizationID"]).items():
                if other != guid and policy["DefaultUserPolicy"]:
                    self._put(other, {**policy, "DefaultUserPolicy": False})
        self._put(guid, record)

    def delete(self, guid: str) -> None:
        del self._policies[guid]
        self._journal.put("policy", guid, None)

    def default_of(self, organization_id: str) -> str:
        """The ID of an organization's default policy; empty if it has none."""
        own = self.of(organization_id).items()
        return next((guid for guid, policy in own if policy["DefaultUserPolicy"]), "")

    def _put(self, guid: str, record: Wire) -> None:
        self._policies[guid] = record
        self._journal.put("policy", guid, record)


def host_name(host_header: str) -> str:
    """A Host header without its port, in lower case."""
    host = host_header.strip().lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]
