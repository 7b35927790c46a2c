"""What somebody holds in the trash: nobody's grants reach there, but who is kept out of a Tenant stays so.

Roles live in `accounts`, a later room; it hands its function in when the process starts.
"""

from collections.abc import Callable, Collection

from portal.core.access import Access
from portal.core.tenant_sets import EVERYTHING, TenantSet, covers

AccessToTrash = Callable[[int | None], Access]
_access_to_trash: list[AccessToTrash] = []


def use_access_to_trash(access_to_trash: AccessToTrash) -> None:
    """Take `access_to_trash` as what tells a person's rights there. Called once, from `accounts`."""
    _access_to_trash[:] = [access_to_trash]


def trashed_with(access: Access, permission: str) -> TenantSet:
    """Tenants in the trash where the caller would hold `permission`, were they restored."""
    if access.tenants_with(permission) is EVERYTHING:
        return EVERYTHING
    (access_to_trash,) = _access_to_trash
    return access_to_trash(access.user_id).tenants_with(permission)


def reaches_trashed(access: Access, permission: str, tenant_ids: Collection[int]) -> bool:
    """Whether that is so in all of these, which lie in the trash."""
    return not tenant_ids or covers(trashed_with(access, permission), tenant_ids)
