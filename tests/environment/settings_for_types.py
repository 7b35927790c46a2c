"""The settings as the type checker reads them: those of the tests, whatever the environment."""

import os

os.environ.setdefault("PERIHELION_ENV", "test")

from portal.settings import *  # noqa: F403
