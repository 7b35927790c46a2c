"""`docs/security.md` points at files; they are there."""

import re

from tests.test_conventions import ROOT


def test_every_file_that_the_security_page_names_exists():
    text = (ROOT / "docs" / "security.md").read_text()
    named = set(re.findall(r"`([\w./-]+\.(?:py|md|lock|txt))`", text))
    missing = sorted(name for name in named if not (ROOT / name).exists())
    assert len(named) > 20
    assert missing == []
