"""Pages where a tenant settles its alerts, and a person when to be mailed."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.accounts.mail import mail_is_sent
from portal.accounts.reauthentication import recently_authenticated
from portal.alerts import selectors, services
from portal.alerts.forms import HookForm, MailChoiceForm, RulesForm
from portal.alerts.posting import ID_HEADER, SIGNATURE_HEADER
from portal.alerts.rules import RuleBook
from portal.audit.services import ip_of
from portal.core.access import PortalRequest, requires, signed_in
from portal.core.paging import keyset_page
from portal.tenants.models import Tenant

SORTS = {"name": "path"}


@require_safe
@requires("alert:manage")
def rules_list(request: PortalRequest) -> HttpResponse:
    """Tenants whose rules the caller may change; straight to the one where there is one."""
    page = keyset_page(
        selectors.list_rule_tenants(request.access).select_related("alert_rules"),
        request,
        sorts=SORTS,
        default="name",
    )
    if len(page) == 1 and not page.previous_url:
        return redirect("alerts:rules-detail", page.rows[0].pk)
    return render(request, "alerts/rules_list.html", {"page": page})


@require_http_methods(["GET", "HEAD", "POST"])
@requires("alert:manage")
def rules_detail(request: PortalRequest, pk: int) -> HttpResponse:
    """One tenant's rules: when to alert, quiet hours, and where to post. POST saves all but the last."""
    tenant = _tenant(request, pk)
    rules = selectors.get_rules(tenant)
    held = {name: getattr(rules, name) for name in RulesForm.Meta.fields}
    form = RulesForm(request.POST if request.method == "POST" else None, instance=rules)
    if form.is_bound and form.is_valid():
        changed = [name for name, value in held.items() if form.cleaned_data[name] != value]
        services.save_rules(form.instance, changed=changed, user=request.user, ip=ip_of(request))
        messages.success(request, "Saved.")
        return redirect("alerts:rules-detail", tenant.pk)
    return _rules_page(request, tenant, form, HookForm(instance=selectors.get_rules(tenant)))


@require_POST
@requires("alert:manage")
@recently_authenticated
def hook_save(request: PortalRequest, pk: int) -> HttpResponse:
    """Where a tenant's alerts are posted; what is posted names devices and users, so one proves who he is."""
    tenant = _tenant(request, pk)
    rules = selectors.get_rules(tenant)
    hook = HookForm(request.POST, instance=selectors.get_rules(tenant))
    if selectors.manages_all_below(request.access, tenant) and hook.is_valid():
        services.save_rules(hook.apply(), changed=hook.changed_data, user=request.user, ip=ip_of(request))
        messages.success(request, "Saved. Send a test to see whether it arrives.")
        return redirect("alerts:rules-detail", tenant.pk)
    return _rules_page(request, tenant, RulesForm(instance=rules), hook)


def _rules_page(request: PortalRequest, tenant: Tenant, form: RulesForm, hook: HookForm) -> HttpResponse:
    """422 where one of the forms was sent and could not be taken."""
    rules = selectors.get_rules(tenant)
    context = {
        "tenant": tenant,
        "form": form,
        "hook": hook,
        "rules": rules,
        "effective": RuleBook().of(tenant.path),
        "can_post": selectors.manages_all_below(request.access, tenant),
        "deliveries": selectors.list_deliveries(rules),
        "portal_url": settings.PORTAL_URL,
        "signature_header": SIGNATURE_HEADER,
        "id_header": ID_HEADER,
    }
    status = 422 if form.is_bound or hook.is_bound else 200
    return render(request, "alerts/rules_detail.html", context, status=status)


@require_POST
@requires("alert:manage")
def hook_test(request: PortalRequest, pk: int) -> HttpResponse:
    """Post a test to the tenant's webhook."""
    tenant = _tenant(request, pk)
    if services.post_test(tenant, user=request.user, ip=ip_of(request)) is None:
        messages.warning(request, "There is no address to post to yet.")
    else:
        messages.success(request, "The test is on its way. Its answer stands under the last deliveries.")
    return redirect("alerts:rules-detail", tenant.pk)


def _tenant(request: PortalRequest, pk: int) -> Tenant:
    return Tenant.objects.get_for(request.access, "alert:view", act="alert:manage", pk=pk)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def mail_choice(request: PortalRequest) -> HttpResponse:
    """When the person wants mail about alerts."""
    form = MailChoiceForm(request.POST or None, instance=selectors.get_choice(request.user))
    if request.method == "POST" and form.is_valid():
        services.save_choice(form.save(commit=False), ip=ip_of(request))
        messages.success(request, "Saved.")
        return redirect("alerts:mail-choice")
    context = {
        "form": form,
        "mail_is_sent": mail_is_sent(),
        "sees_alerts": bool(request.whole_access.tenants_with("alert:view")),
        "time_zone": request.user.time_zone or settings.TIME_ZONE,
        "portal_url": settings.PORTAL_URL,
    }
    return render(request, "alerts/mail_choice.html", context, status=422 if form.errors else 200)
