"""What an administrator's own permissions forbid him, method by method."""

from collections.abc import Callable, Mapping
from typing import Any

from comet.emulator.errors import Refusal

Permissions = Mapping[str, Any]
_SERVER_SETTINGS = "PreventEditServerSettings"


def _unless(allowance: str) -> Callable[[Permissions], bool]:
    """Settings that stay open to an admin who may edit nothing else."""
    return lambda given: bool(given.get(_SERVER_SETTINGS)) and not given.get(allowance)


def _denied_by(flag: str) -> Callable[[Permissions], bool]:
    return lambda given: bool(given.get(flag))


_RULES: tuple[tuple[tuple[str, ...], Callable[[Permissions], bool]], ...] = (
    (("AdminMetaBrandingConfig", "AdminMetaResourceNew"), _unless("AllowEditBranding")),
    (("AdminMetaEmailOptions", "AdminMetaSendTest"), _unless("AllowEditEmailOptions")),
    (("AdminMetaRemoteStorageVault",), _unless("AllowEditRemoteStorage")),
    (("AdminMetaWebhookOptions",), _unless("AllowEditWebhooks")),
    (("AdminExternalAuthSources",), _unless("AllowEditExternalAuthSources")),
    (
        (
            "AdminAdminUser",
            "AdminMetaBuildConfig",
            "AdminMetaConstellationConfigSet",
            "AdminMetaPsaConfigListSet",
            "AdminMetaServerConfig",
            "AdminOrganizationDelete",
            "AdminOrganizationSet",
            "AdminStorageFreeSpace",
            "AdminStoragePingDestination",
        ),
        _denied_by(_SERVER_SETTINGS),
    ),
    (("AdminMetaRestartService", "AdminMetaShutdownService"), _denied_by("PreventServerShutdown")),
    (("AdminConstellation", "AdminMetaConstellationConfig"), _denied_by("DenyConstellationRole")),
    (("AdminMetaStats", "AdminMetaReadAllLogs"), _denied_by("DenyViewServerHistory")),
    (
        ("AdminMetaReadLogs", "AdminMetaReadSelectLogs", "AdminMetaListAvailableLogDays"),
        _denied_by("DenyViewServerHistory"),
    ),
    (("AdminReplicationState",), _denied_by("DenyViewServerInfo")),
    (("AdminBranding", "AdminUpdateCampaign"), _denied_by("DenySoftwareBuildRole")),
    (("AdminRequestStorageVault", "AdminConvertStorageRole"), _denied_by("PreventRequestStorageVault")),
)


def check(method_name: str, permissions: Permissions) -> None:
    """Raises Refusal if an admin of these permissions may not call the method."""
    for prefixes, is_denied in _RULES:
        if method_name.startswith(prefixes) and is_denied(permissions):
            raise Refusal(403, "Your administrator account does not have permission for this")
