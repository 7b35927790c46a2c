"""How the parameters of each method are made. Importing it registers every maker."""

from tests.comet.conformance import make_accounts, make_admins, make_dispatched, make_records, make_things
from tests.comet.conformance.make_things import upload

__all__ = ["make_accounts", "make_admins", "make_dispatched", "make_records", "make_things", "upload"]
