"""The icons kept in static/vendor/: each is there because something draws it."""

import re
from pathlib import Path

from django.conf import settings

IN_TEMPLATES = re.compile(r"""\bicon "([a-z0-9-]+)"|\bicon="([a-z0-9-]+)"|\bicon\|default:"([a-z0-9-]+)\"""")
IN_CODE = re.compile(r'"([a-z0-9-]+)"')


def named_in_templates(base: Path) -> set[str]:
    texts = (path.read_text(encoding="utf-8") for path in base.glob("templates/**/*.html"))
    return {"".join(found) for text in texts for found in IN_TEMPLATES.findall(text)}


def named_in_code(base: Path) -> set[str]:
    """Words in quotes of the modules that speak of icons, since they keep them in tables."""
    texts = (path.read_text(encoding="utf-8") for path in base.glob("portal/**/*.py"))
    return {found for text in texts if re.search(r"\bicon\b", text) for found in IN_CODE.findall(text)}


def test_no_icon_is_kept_that_nothing_draws():
    base = Path(settings.BASE_DIR)
    kept = {path.stem for path in base.glob("static/vendor/tabler-icons/*.svg")}

    assert kept
    assert sorted(kept - named_in_templates(base) - named_in_code(base)) == []
