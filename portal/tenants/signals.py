"""What later rooms hear of the tenant tree, within the transaction that changes it."""

from typing import Final

from django.dispatch import Signal

tenants_closed: Final = Signal()
"""Sent with `tenant_ids` after Tenants were suspended or went to the trash: roles, links and keys held
there are worth nothing from now on, and what rests on them ends."""

tenant_moved: Final = Signal()
"""Sent with `tenant` after it went below another parent with everything below it."""

trash_changing: Final = Signal()
"""Sent with `tenant` before the tree is locked to put it into the trash, take it out or delete it for good:
who will lock more than Tenants locks that first, as elsewhere."""

tenant_trashed: Final = Signal()
"""Sent with `tenant` after it went to the trash with everything below it."""

tenant_restored: Final = Signal()
"""Sent with `tenant` after it came back from the trash with everything below it."""

tenant_purging: Final = Signal()
"""Sent with `tenant` before it is deleted for good with everything below it."""
