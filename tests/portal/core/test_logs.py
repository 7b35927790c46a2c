"""What the log never holds."""

import logging

import pytest
import structlog

from portal.core.logs import logging_config

TOKEN = "64hXTblJ-GZkobnS3HgQ_6N3eCyZZMl6U88jAiXvpuM"


@pytest.mark.parametrize("json", [True, False])
@pytest.mark.parametrize("path", ["/invitations/{}/", "/accounts/password/reset/key/{}/"])
def test_a_link_that_lets_somebody_in_is_not_logged(json, path):
    options = logging_config(json=json, level="INFO")["formatters"]["structlog"]
    formatter = structlog.stdlib.ProcessorFormatter(
        **{name: value for name, value in options.items() if name != "()"}
    )
    arguments = ("Unprocessable Entity", path.format(TOKEN))

    said = formatter.format(
        logging.LogRecord("django.request", logging.WARNING, "", 0, "%s: %s", arguments, None)
    )

    assert TOKEN not in said
    assert path.format("(removed)") in said
