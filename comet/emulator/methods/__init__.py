"""The API methods, one file per subject. Importing this package registers them all in `call.HANDLERS`."""

from comet.emulator.call import HANDLERS
from comet.emulator.methods import (  # noqa: F401, they register themselves
    account,
    admins,
    dispatcher,
    jobs,
    meta,
    organizations,
    policies,
    users,
)

__all__ = ["HANDLERS"]
