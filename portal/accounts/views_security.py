"""Pages about how people get in and stay in: sessions, second factors, proofs."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from portal.accounts.reauthentication import KEPT_FIELD, KeptForm
from portal.core.access import PortalRequest, signed_in


@never_cache
@require_safe
@signed_in
def kept_form(request: PortalRequest) -> HttpResponse:
    """After a proof: one click sends the form that waited for it."""
    kept = KeptForm.read(request)
    if kept is None:
        messages.warning(request, "What you had typed is not kept any more. Type it again.")
        return redirect("overview:home")
    context = {"path": kept.path, "name": KEPT_FIELD, "nonce": kept.nonce}
    return render(request, "accounts/kept_form.html", context)
