"""The API methods, one file per subject. Importing this package registers them all in `call.HANDLERS`."""

from comet.emulator.call import HANDLERS
from comet.emulator.methods import (  # noqa: F401, they register themselves
    account,
    actions,
    admins,
    buckets,
    campaigns,
    configuration,
    constellation,
    dispatcher,
    external_auth,
    factors,
    groups,
    hypervisors,
    installers,
    items,
    jobs,
    lobby,
    meta,
    news,
    office365,
    organizations,
    policies,
    quotas,
    reports,
    service,
    snapshots,
    users,
    vaults,
)

__all__ = ["HANDLERS"]
