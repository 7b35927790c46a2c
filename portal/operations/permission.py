"""Whether who started an Operation may still do it, asked again when an item runs.

Roles live in `accounts`, a later room; it hands its function in when the process starts.
"""

from collections.abc import Callable
from typing import Any

from portal.core.access import Access
from portal.operations.errors import ItemFailed
from portal.operations.models import OperationItem

AccessFor = Callable[[Any], Access]
_access_for: list[AccessFor] = []


def use_access(access_for: AccessFor) -> None:
    """Take `access_for` as what tells a User's rights. Called once, from `accounts`."""
    _access_for[:] = [access_for]


def require_permission(item: OperationItem, permission: str) -> None:
    """Check that who started the item's Operation holds `permission` in the item's Tenant now.

    Raises:
        ItemFailed: the person is gone, or does not hold it any more.
    """
    operation = item.operation
    if not operation.started_by_label:
        return  # the portal itself started it
    user = operation.started_by
    if user is None:
        raise ItemFailed(f"{operation.started_by_label} started this and has no account here any more.")
    (access_for,) = _access_for
    if not access_for(user).allows(permission, tenant_id=item.tenant_id):
        raise ItemFailed(f"{user} may not do this here any more: {permission} is missing.")
