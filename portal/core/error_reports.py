"""What an error report may show of settings, requests and variables."""

from typing import Any

from django.http import HttpRequest
from django.views.debug import SafeExceptionReporterFilter

from portal.core.masking import REMOVED, mask, mask_under


class ErrorReportFilter(SafeExceptionReporterFilter):
    """Django's own, which hides by name, and besides what has the shape of a secret; everywhere.

    Django's asks each view to mark what is sensitive; here nothing has to be marked.
    """

    cleansed_substitute = REMOVED

    def cleanse_setting(self, key: Any, value: Any) -> Any:
        cleansed = super().cleanse_setting(key, value)
        return cleansed if callable(cleansed) else mask_under(key, cleansed)

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        masked: dict[str, Any] = mask(dict(super().get_post_parameters(request) or {}))
        return masked

    def get_traceback_frame_variables(self, request: HttpRequest | None, tb_frame: Any) -> Any:
        """(name, value) of each variable. What is no plain data is shown as its `repr`, masked too."""
        variables = super().get_traceback_frame_variables(request, tb_frame)
        return [(name, mask_under(name, _plain(value))) for name, value in variables]


def _plain(value: Any) -> Any:
    if isinstance(value, str | bytes | int | float | bool | list | tuple | dict | None):
        return value
    try:
        return repr(value)
    except Exception as problem:
        return f"(its repr raised {type(problem).__name__})"
