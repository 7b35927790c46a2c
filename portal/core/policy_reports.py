"""Where browsers say what the policy of a page kept out: an injected script, or a mistake of ours."""

from typing import Final
from urllib.parse import urlsplit

import msgspec
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from portal.core.access import public
from portal.core.refusals import note_refusal

LONGEST: Final = 16_384
_WORD: Final = 60


class _Violation(msgspec.Struct):
    """What is read of it: no address of a page, which may hold somebody's token, and no sample of code."""

    directive: str = msgspec.field(default="", name="effective-directive")
    blocked: str = msgspec.field(default="", name="blocked-uri")


class _Report(msgspec.Struct):
    violation: _Violation = msgspec.field(name="csp-report")


@csrf_exempt
@never_cache
@require_POST
@public
def policy_report(request: HttpRequest) -> HttpResponse:
    """Count it, and say it once a minute; nothing is stored, and anybody may have made it up."""
    body = request.read(LONGEST + 1)
    if len(body) > LONGEST:
        return HttpResponse(status=413)
    try:
        violation = msgspec.json.decode(body, type=_Report).violation
        origin = urlsplit(violation.blocked)
    except (msgspec.DecodeError, ValueError):
        return HttpResponse(status=400)
    blocked = f"{origin.scheme}://{origin.hostname}" if origin.hostname else origin.path
    note_refusal("page", "policy", directive=violation.directive[:_WORD], blocked=blocked[:_WORD])
    return HttpResponse(status=204)
