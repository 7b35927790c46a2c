"""Pages about second factors of others: who must have one, and help for who lost his."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.accounts import factors, second_factor, selectors, sessions
from portal.accounts.errors import RoleRefused
from portal.accounts.forms import SecondFactorRuleForm
from portal.accounts.models import SecondFactorRule
from portal.accounts.reauthentication import recently_authenticated
from portal.audit.services import ip_of
from portal.core.access import PortalRequest, requires, signed_in


@require_safe
@signed_in
def factor_needed(request: PortalRequest) -> HttpResponse:
    """What somebody meets who must have a second factor and has none, or has not used it yet."""
    if not second_factor.is_missing(request.user, request.session):
        return redirect("overview:home")
    context = {"has_second_factor": factors.has_second_factor(request.user)}
    return render(request, "accounts/factor_needed.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires("person:manage")
@recently_authenticated
def factor_rules(request: PortalRequest) -> HttpResponse:
    """Who needs a second factor, where; add a rule."""
    form = SecondFactorRuleForm(request.POST or None, access=request.access)
    if request.method == "POST" and form.is_valid():
        rule = second_factor.add_rule(
            **form.cleaned_data, access=request.whole_access, actor=request.user, ip=ip_of(request)
        )
        messages.success(request, f"{rule.who} in {rule.tenant} and below needs a second factor from now on.")
        return redirect("accounts:factor-rules")
    rules = second_factor.list_rules(request.access)
    context = {
        "form": form,
        "rules": [(rule, second_factor.may_take_back(request.whole_access, rule)) for rule in rules],
        "above": second_factor.list_rules_above(request.access),
    }
    status = 422 if form.errors else 200
    return render(request, "accounts/factor_rules.html", context, status=status)


@require_POST
@requires("person:manage")
@recently_authenticated
def factor_rule_remove(request: PortalRequest, pk: int) -> HttpResponse:
    """Take a rule back."""
    rule = SecondFactorRule.objects.get_for(request.access, "person:view", act="person:manage", pk=pk)
    try:
        second_factor.remove_rule(rule, access=request.whole_access, actor=request.user, ip=ip_of(request))
    except RoleRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, "That rule holds no more.")
    return redirect("accounts:factor-rules")


@require_safe
@requires("person:view")
def person_security(request: PortalRequest, pk: int) -> HttpResponse:
    """A part of a person's page: factors and sessions, and what may be done about them."""
    person = selectors.get_person(request.access, pk)
    context = {
        "person": person,
        "factors": factors.list_factors(person),
        "sessions": sessions.list_sessions(person),
        "can_secure": second_factor.may_secure(request.whole_access, person),
    }
    return render(request, "accounts/_person_security_body.html", context)


@require_POST
@requires("person:manage")
@recently_authenticated
def person_factors_reset(request: PortalRequest, pk: int) -> HttpResponse:
    """Remove the second factors of somebody who lost them."""
    person = selectors.get_person(request.access, pk)
    try:
        count = second_factor.reset_factors(
            person, access=request.whole_access, actor=request.user, request=request
        )
    except RoleRefused as refused:
        messages.error(request, str(refused))
    else:
        said = "The second factors are removed." if count else "There was no second factor to remove."
        messages.success(request, f"{said} {person} is signed out everywhere.")
    return redirect("accounts:person-detail", pk)


@require_POST
@requires("person:manage")
def person_sessions_end(request: PortalRequest, pk: int) -> HttpResponse:
    """Sign a person out everywhere."""
    person = selectors.get_person(request.access, pk)
    try:
        second_factor.require_secure(request.whole_access, person)
    except RoleRefused as refused:
        messages.error(request, str(refused))
    else:
        ended = sessions.sign_out(person, actor=request.user, ip=ip_of(request))
        messages.success(request, f"{person} is signed out everywhere ({ended} sessions).")
    return redirect("accounts:person-detail", pk)
