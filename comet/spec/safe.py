"""Which methods may be sent again when the connection failed and nobody knows whether they arrived.

Those that only read from the Comet Server itself. What asks a Device is left out: it makes the Device
work, and may be at it still.
"""

import functools
import re

_SAFE = (
    "AdminAccountProperties|AdminAdminUserList|AdminBrandingAvailablePlatforms",
    "AdminBrandingGenerateClient(?!Test).*|BrandingProps",
    "AdminConstellation(LastReport|Status)|AdminCountJobsForCustomSearch",
    "(Admin|UserWeb)Dispatcher(GetDefaultLoginUrl|ListActive)|AdminInstallationListActive",
    "AdminExternalAuthSourcesGet|(Admin|UserWeb)(Get|List)[A-Z].*",
    "AdminMeta(.*Get|ListAvailableLogDays|Read.*Logs|ServerConfigNetworkInterfaces)",
    "AdminMeta(SoftwareUpdateNews|Stats|Version)",
    "(Admin|UserWeb)NewsGetAll|AdminOrganizationList|AdminPolicies(Get|List|ListFull)",
    "AdminPreviewUserEmailReport|AdminReplicationState|(Admin|UserWeb)RequestStorageVaultProviders",
    "AdminSquota(GetWithHash|ListAll)|AdminStorage(BucketProperties|FreeSpace|ListBuckets)",
    "AdminUpdateCampaignStatus|AdminUserGroups(Get|List|ListFull)",
)


@functools.cache
def is_safe(method: str) -> bool:
    """Whether a method, under Comet's own name, may be repeated."""
    return any(re.fullmatch(pattern, method) for pattern in _SAFE)
