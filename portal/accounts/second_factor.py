"""Who must have a second factor, and what an administrator may do about somebody's."""

from collections.abc import Mapping

from allauth.account.adapter import get_adapter
from allauth.mfa.models import Authenticator
from django.db.models import CharField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet
from django.http import HttpRequest

from portal.accounts.errors import RoleRefused
from portal.accounts.factors import SECOND_FACTOR, TYPE_WORDS
from portal.accounts.grants import RoleChoice
from portal.accounts.memberships import may_close
from portal.accounts.models import Membership, SecondFactorRule, User
from portal.accounts.selectors import home_tenant_id
from portal.accounts.sessions import end_sessions
from portal.audit import services as audit
from portal.audit.changes import changes
from portal.core.access import Access
from portal.core.events import Fact, publish_all
from portal.core.querysets import TenantQuerySet, in_tenants
from portal.core.tenant_sets import Everything
from portal.tenants.models import Tenant


def is_missing(user: User, session: Mapping[str, object]) -> bool:
    """Whether a rule is for `user`, and this session was not confirmed by a second factor.

    One query where it was not, none where it was.
    """
    return not session.get(SECOND_FACTOR) and Membership.objects.filter(_ruled(), user=user).exists()


def list_rules(access: Access) -> TenantQuerySet[SecondFactorRule]:
    """The rules of the caller's Tenants, top down."""
    rules = SecondFactorRule.objects.visible_to(access, "person:manage")
    return rules.select_related("tenant", "created_by", "custom_role").order_by("tenant__path", "role", "pk")


def list_rules_above(access: Access) -> QuerySet[SecondFactorRule]:
    """Rules of Tenants above the caller's, which hold there as well."""
    tenants = access.tenants_with("person:manage")
    if isinstance(tenants, Everything):
        return SecondFactorRule.objects.none()
    paths = Tenant.objects.filter(in_tenants("pk", tenants)).values_list("path", flat=True)
    above = {int(pk) for path in paths for pk in path.strip("/").split("/") if int(pk) not in tenants}
    rules = SecondFactorRule.objects.filter(tenant__in=above).select_related("custom_role")
    return rules.order_by("tenant__path", "role", "pk")


def may_take_back(access: Access, rule: SecondFactorRule) -> bool:
    """Whether the caller gives roles where the rule was set from: from below it is not loosened."""
    return access.allows("person:manage", tenant_id=rule.held_by_id)


def add_rule(
    *, tenant: Tenant, role: RoleChoice, access: Access, actor: User, ip: str | None
) -> SecondFactorRule:
    """Ask the holders of `role` (an empty choice for everybody) in `tenant` and below for a second factor.

    Whoever has none is led to setting one up with his next click; his open pages are told. A rule that
    is there already is held by whoever is further up from now on.
    """
    line = [*tenant.ids_above, tenant.pk]
    topmost = next(pk for pk in line if access.allows("person:manage", tenant_id=pk))
    details = {"role": role.name if role.value else "Everybody"}
    audited = audit.record(
        "factor.rule", actor=actor, tenant_id=tenant.pk, target=tenant, ip=ip, details=details
    )
    with audited as entry:
        rule, is_new = SecondFactorRule.objects.get_or_create(
            tenant=tenant, **role.columns, defaults={"created_by": actor, "set_from_id": topmost}
        )
        if line.index(topmost) < line.index(rule.held_by_id):
            rule.created_by, rule.set_from_id = actor, topmost
            rule.save(update_fields=["created_by", "set_from"])
        entry.details = changes({"needed": not is_new}, {"needed": True})
        _tell(rule)
    return rule


def remove_rule(rule: SecondFactorRule, *, access: Access, actor: User, ip: str | None) -> None:
    """Stop asking for a second factor by this rule; others may still ask for it.

    Raises:
        RoleRefused: it was set by somebody further up.
    """
    with audit.record(
        "factor.rule",
        actor=actor,
        tenant_id=rule.tenant_id,
        target=rule.tenant,
        ip=ip,
        details={"role": rule.who},
        refusals=(RoleRefused,),
    ) as entry:
        if not may_take_back(access, rule):
            raise RoleRefused("This rule was set further up, so only somebody there takes it back.")
        rule.delete()
        entry.details = changes({"needed": True}, {"needed": False})


def may_secure(access: Access, person: User) -> bool:
    """Whether the caller may end this person's sessions and reset his factors.

    That takes as much as closing his sign-in; and nobody does it to himself this way.
    """
    return person.pk != access.user_id and may_close(access, person)


def reset_factors(person: User, *, access: Access, actor: User, request: HttpRequest) -> int:
    """Remove every second factor of a person who lost them, end his sessions, tell him by mail.

    Gives how many factors there were.

    Raises:
        RoleRefused: the caller may not.
    """
    with audit.record(
        "factor.reset",
        actor=actor,
        tenant_id=home_tenant_id(person),
        target=person,
        ip=audit.ip_of(request),
        refusals=(RoleRefused,),
    ) as action:
        require_secure(access, person)
        rows = Authenticator.objects.filter(user=person)
        action.details["factors"] = [TYPE_WORDS[row.type] for row in rows]
        rows.delete()
        action.details["sessions"] = end_sessions(person)
    get_adapter(request).send_notification_mail("accounts/email/factors_reset", person)
    return len(action.details["factors"])


def require_secure(access: Access, person: User) -> None:
    """Raise RoleRefused unless `may_secure`."""
    if not may_secure(access, person):
        raise RoleRefused(
            f"{person} has roles that reach further than yours, so only somebody above can do this."
        )


def _ruled() -> Exists:
    """Of a Membership: whether a rule of its Tenant, or of one above, is for its role."""
    path = ExpressionWrapper(OuterRef("tenant__path"), output_field=CharField())
    rules = SecondFactorRule.objects.annotate(held_in=path).filter(held_in__startswith=F("tenant__path"))
    is_for = Q(role="") | Q(role=OuterRef("role"))
    return Exists(rules.filter(Q(is_for, custom_role=None) | Q(custom_role=OuterRef("custom_role"))))


def _tell(rule: SecondFactorRule) -> None:
    """Let the sockets of everybody it is for look again at once."""
    held = Membership.objects.filter(tenant__path__startswith=rule.tenant.path)
    if rule.role or rule.custom_role:
        held = held.filter(role=rule.role, custom_role=rule.custom_role)
    users = held.values_list("user_id", flat=True).distinct()
    publish_all([Fact("access.changed", None, {"user": user_id}) for user_id in users])
