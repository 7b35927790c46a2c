"""The server's configuration: one document, of which many methods read and write a part.

Organizations carry parts of their own under the same names. Administrators and organizations stand in the
document too, but are kept by their own books.
"""

from typing import Any

from comet.emulator import accounts, shapes
from comet.emulator.accounts import Admins
from comet.emulator.journal import Journal
from comet.emulator.tenants import Organizations

Wire = dict[str, Any]
LONGEST_SESSION = 48 * 3600
DEFAULT_SESSION = 1800
ROLES = {
    "Auth": "AuthenticationRole",
    "Storage": "StorageRole",
    "Software Build": "SoftwareBuildRole",
    "Constellation": "ConstellationRole",
}
_KEPT_ELSEWHERE = ("AdminUsers", "Organizations")
_KEY = "server"


class Settings:
    """ServerConfigOptions, whole and in parts."""

    def __init__(self, journal: Journal, organizations: Organizations, admins: Admins, seeded: Wire) -> None:
        self._journal = journal
        self._organizations = organizations
        self._admins = admins
        self._config: Wire = journal.get("config", _KEY) or seeded

    @property
    def session_seconds(self) -> int:
        """How long a session key lives without use."""
        seconds: int = self._config["SessionSettings"]["ExpiredInSeconds"]
        return min(seconds, LONGEST_SESSION) if seconds > 0 else DEFAULT_SESSION

    def __getitem__(self, name: str) -> Any:
        """A part of the document; not to be changed by the caller."""
        return self._config[name]

    def has_role(self, role: str) -> bool:
        return bool(self._config[ROLES[role]]["RoleEnabled"])

    def switch_role(self, role: str, *, enabled: bool) -> None:
        self._config[ROLES[role]] = {**self._config[ROLES[role]], "RoleEnabled": enabled}
        self._keep()

    def whole(self) -> Wire:
        """ServerConfigOptions, without the secrets of administrators."""
        admins = [accounts.without_secrets(record) for record in self._admins.all()]
        return {**self._config, "AdminUsers": admins, "Organizations": self._organizations.all()}

    def replace(self, config: Wire) -> None:
        """Take over a whole document, administrators and organizations included."""
        self._admins.replace(config["AdminUsers"])
        self._organizations.replace(config["Organizations"])
        self._config = {name: value for name, value in config.items() if name not in _KEPT_ELSEWHERE}
        self._keep()

    def section(self, organization_id: str, name: str) -> Any:
        """A part of the server's own settings, or of one organization's."""
        if organization_id:
            return self._organizations.section(organization_id, name)
        if name == "RemoteStorage":
            return self._config["AuthenticationRole"]["RemoteStorage"]
        return self._config[name]

    def put_section(self, organization_id: str, name: str, value: Any) -> None:
        if organization_id:
            self._organizations.put_section(organization_id, name, value)
        elif name == "RemoteStorage":
            role = self._config["AuthenticationRole"]
            self._config["AuthenticationRole"] = {**role, "RemoteStorage": value}
            self._keep()
        else:
            self._config[name] = value
            self._keep()

    def _keep(self) -> None:
        self._journal.put("config", _KEY, self._config)


def seeded_config(*, days: int, session_seconds: int, port: int, serial: str, bucket: str) -> Wire:
    """The configuration of a server that nobody has touched yet."""
    config: Wire = shapes.zero("ServerConfigOptions")
    for name in _KEPT_ELSEWHERE:
        del config[name]
    config["AuthenticationRole"].update(
        RoleEnabled=True,
        GenerateMissedBackupEvents=True,
        GenerateScheduledEmails=True,
        PruneLogsAfterDays=days,
        RemoteStorage=[_own_storage(bucket)],
    )
    config["StorageRole"].update(RoleEnabled=True)
    config["StorageRole"]["Storage"].update(DestinationType=1002, LocalcopyPath="/var/lib/storage")
    config["SoftwareBuildRole"].update(RoleEnabled=True)
    config["ConstellationRole"].update(RoleEnabled=True)
    config["SessionSettings"]["ExpiredInSeconds"] = session_seconds
    config["LoginProtection"].update(FailureThreshold=5, CooldownSeconds=900)
    config["License"].update(SerialNumber=serial)
    config["ListenAddresses"] = [{"ListenAddress": f":{port}"}]
    config["Email"].update(Mode="builtin", FromEmail="backup@server.example", FromName="Backup reports")
    config["Branding"].update(
        BrandName="Emulated Comet Server",
        ProductName="Emulated Backup",
        CompanyName="Emulated",
        TopColor="#22384F",
        AccentColor="#2E8B74",
        CloudStorageName="Cloud storage",
    )
    return config


def _own_storage(bucket: str) -> Wire:
    template: Wire = shapes.zero("RemoteStorageOption")
    template.update(
        Type="comet",
        Description="Cloud storage",
        RemoteAddress="https://storage.example/",
        ID=bucket,
        Default=True,
    )
    return template
