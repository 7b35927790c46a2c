"""Things the server keeps by ID and nothing else knows: news, groups, quotas, buckets, tokens."""

from typing import Any

from comet.emulator.journal import Journal

Wire = dict[str, Any]


class Records:
    """One kind of record, seeded ones overlaid by API writes, kept in the journal."""

    def __init__(self, journal: Journal, kind: str, seeded: dict[str, Wire] | None = None) -> None:
        self._journal = journal
        self._kind = kind
        self._records = dict(seeded or {})
        for guid, record in journal.all(kind).items():
            if record is None:
                self._records.pop(guid, None)
            else:
                self._records[guid] = record

    def all(self) -> dict[str, Wire]:
        return self._records

    def get(self, guid: str) -> Wire | None:
        return self._records.get(guid)

    def of(self, organization_id: str | None) -> dict[str, Wire]:
        """Those of one organization; of all with None."""
        return {
            guid: record
            for guid, record in self._records.items()
            if organization_id in (None, record["OrganizationID"])
        }

    def put(self, guid: str, record: Wire) -> None:
        self._records[guid] = record
        self._journal.put(self._kind, guid, record)

    def delete(self, guid: str) -> None:
        del self._records[guid]
        self._journal.put(self._kind, guid, None)
