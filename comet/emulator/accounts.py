"""Administrators of the server: top-level ones, and those of one organization."""

from typing import Any

from comet.emulator import shapes
from comet.emulator.journal import Journal
from comet.emulator.passwords import hash_password, verify_password

Wire = dict[str, Any]
PASSWORD_FORMAT_PLAIN = 0
PASSWORD_FORMAT_HASHED = 1  # any value but plain text (0); the published list names no other


class Admins:
    """AllowedAdminUser records by (organization, name). The empty organization is the top level."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._admins: dict[tuple[str, str], Wire] = {}
        for key, record in journal.all("admin").items():
            organization_id, _, name = key.partition("/")
            if record is not None:
                self._admins[organization_id, name] = record

    def seed(self, name: str, password: str, totp_secret: str = "") -> None:
        """Make a top-level admin given at start, unless API writes know better."""
        if f"/{name}" not in self._journal.all("admin"):
            self._admins["", name] = _record(name, "", password, totp_secret)

    def add(self, name: str, organization_id: str, password: str) -> Wire:
        record = _record(name, organization_id, password, "")
        self._admins[organization_id, name] = record
        self._journal.put("admin", f"{organization_id}/{name}", record)
        return record

    def put(self, record: Wire) -> None:
        """Store a changed record."""
        name, organization_id = record["Username"], record["OrganizationID"]
        self._admins[organization_id, name] = record
        self._journal.put("admin", f"{organization_id}/{name}", record)

    def replace(self, records: list[Wire]) -> None:
        """Hold these administrators and no others; secrets that were blanked on reading stay."""
        wanted = {(record["OrganizationID"], record["Username"]) for record in records}
        for organization_id, name in self._admins.keys() - wanted:
            self.remove(name, organization_id)
        for record in records:
            held = self.find(record["Username"], record["OrganizationID"])
            self.put(with_security(held, record) if held else with_security(record, record))

    def remove(self, name: str, organization_id: str) -> None:
        del self._admins[organization_id, name]
        self._journal.put("admin", f"{organization_id}/{name}", None)

    def find(self, name: str, organization_id: str) -> Wire | None:
        return self._admins.get((organization_id, name))

    def named(self, name: str) -> list[Wire]:
        """Every admin of that name, the top level's first."""
        return [record for (_, own), record in sorted(self._admins.items()) if own == name]

    def all(self) -> list[Wire]:
        return [record for _, record in sorted(self._admins.items())]


def password_is_right(record: Wire, password: str) -> bool:
    return verify_password(password, record["Password"])


def without_secrets(record: Wire) -> Wire:
    """The record as it may leave the server: hash and second-factor key blanked."""
    shown = {**record, "Password": ""}
    if shown.get("TOTPKey"):
        shown["TOTPKey"] = ""
    return shown


def with_security(held: Wire, given: Wire) -> Wire:
    """`held` with what `given` changes.

    A plain password is hashed; a blank one, or a blank key, changes nothing.
    """
    record = {**held, **given}
    if given["Password"] and given["PasswordFormat"] == PASSWORD_FORMAT_PLAIN:
        record.update(Password=hash_password(given["Password"]), PasswordFormat=PASSWORD_FORMAT_HASHED)
    elif not given["Password"]:
        record.update(Password=held["Password"], PasswordFormat=held["PasswordFormat"])
    if not given.get("TOTPKey") and held.get("TOTPKey"):
        record["TOTPKey"] = held["TOTPKey"]
    return record


def _record(name: str, organization_id: str, password: str, totp_secret: str) -> Wire:
    record: Wire = shapes.zero("AllowedAdminUser")
    record.update(
        Username=name,
        OrganizationID=organization_id,
        PasswordFormat=PASSWORD_FORMAT_HASHED,
        Password=hash_password(password),
        AllowPasswordLogin=not totp_secret,
        AllowPasswordAndTOTPLogin=bool(totp_secret),
    )
    if totp_secret:
        record["TOTPKey"] = totp_secret
    return record
