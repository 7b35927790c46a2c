from tests.emulated import _may_contact_loopback, emulator, linked  # noqa: F401  (fixtures)
