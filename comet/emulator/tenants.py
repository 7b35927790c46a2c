"""Organizations and their hosts, and the policies of each."""

import uuid
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
        """Create (no `guid`) or replace; the ID."""
        guid = guid or str(uuid.uuid4())
        self._organizations[guid] = record
        self._journal.put("organization", guid, record)
        return guid


class Policies:
    """GroupPolicy records by ID."""

    def __init__(self, population: Population) -> None:
        self._policies = {seed.guid: profiles.policy(seed, _POLICIES_MADE) for seed in population.policies}

    def get(self, guid: str) -> Wire | None:
        return self._policies.get(guid)

    def of(self, organization_id: str | None) -> dict[str, Wire]:
        """The policies of one organization; of all with None."""
        return {
            guid: policy
            for guid, policy in self._policies.items()
            if organization_id is None or policy["OrganizationID"] == organization_id
        }


def host_name(host_header: str) -> str:
    """A Host header without its port, in lower case."""
    host = host_header.strip().lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]
