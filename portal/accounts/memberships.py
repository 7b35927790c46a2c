"""Changes to what people hold: roles given and taken, subtrees left out, sign-ins closed and reopened."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from portal.accounts.errors import ExceptionsChanged, RoleRefused
from portal.accounts.grants import RoleChoice, may_take, require_grantable, require_takeable
from portal.accounts.models import CustomRole, Exclusion, Membership, User
from portal.accounts.selectors import home_tenant_id
from portal.accounts.sessions import end_sessions
from portal.accounts.signals import role_taken
from portal.audit import services as audit
from portal.audit.changes import changes
from portal.core.access import Access
from portal.core.events import publish
from portal.tenants.models import Tenant

OWNER = "owner"


def give_role(
    user: User,
    *,
    tenant: Tenant,
    choice: RoleChoice,
    excluded: Collection[Tenant] = (),
    access: Access,
    actor: User,
) -> Membership:
    """Give somebody who has a sign-in another role.

    Raises:
        RoleRefused: the caller does not hold what it grants everywhere it would reach, an exclusion
            is not below the Tenant, or the person has this role there already.
    """
    details = {"role": choice.name, "person": user.email, "except": _names(excluded, access)}
    with (
        audit.record(
            "person.role-give",
            actor=actor,
            tenant_id=tenant.pk,
            target=user,
            details=details,
            refusals=(RoleRefused,),
        ),
        transaction.atomic(),
    ):
        choice = as_it_is_now(choice)
        _require_below(tenant, excluded)
        require_grantable(access, choice, tenant=tenant, excluded=excluded)
        held = Membership.objects.filter(user=user, tenant=tenant, **choice.columns)
        if held.exists():
            raise RoleRefused(f"{user} is {choice.name} of {tenant} already.")
        try:
            with transaction.atomic():
                membership = Membership.objects.create(
                    user=user, tenant=tenant, granted_by=actor, **choice.columns
                )
        except IntegrityError as error:
            raise RoleRefused(f"{user} is {choice.name} of {tenant} already.") from error
        Exclusion.objects.bulk_create([Exclusion(membership=membership, tenant=one) for one in excluded])
        publish("access.changed", tenant_id=tenant.pk, user=user.pk)
    return membership


def take_role(membership: Membership, *, access: Access, actor: User) -> None:
    """Take a role away; the person's open pages lose it at once.

    Raises:
        RoleRefused: the caller could not have given it, nobody would own the Tenant, or somebody else
            took it meanwhile.
    """
    user, tenant = membership.user, membership.tenant
    details = {"role": membership.role_name, "person": user.email}
    with (
        audit.record(
            "person.role-remove",
            actor=actor,
            tenant_id=tenant.pk,
            target=user,
            details=details,
            refusals=(RoleRefused,),
        ),
        _owners_locked(tenant),
    ):
        _require_held(membership)
        require_takeable(access, RoleChoice.of(membership), tenant=tenant, excluded=exclusions_of(membership))
        _require_another_owner(membership, access)
        membership.delete()
        publish("access.changed", tenant_id=tenant.pk, user=user.pk)
        role_taken.send(Membership, user=user)


def exclude_tenants(
    membership: Membership,
    excluded: Collection[Tenant],
    *,
    seen: Collection[int],
    access: Access,
    actor: User,
) -> None:
    """Leave these subtrees out of a role, and no others; `seen` are the ids of those left out
    when the caller looked.

    Raises:
        ExceptionsChanged: it leaves out others by now; nothing was stored.
        RoleRefused: the caller does not hold all that the role would reach, or reaches now; one of
            them is not below the role's Tenant; nobody would own all of the Tenant; or the role was
            taken away meanwhile.
    """
    user, tenant = membership.user, membership.tenant
    details = {"role": membership.role_name, "except": _names(excluded, access)}
    with (
        audit.record(
            "person.role-exclude",
            actor=actor,
            tenant_id=tenant.pk,
            target=user,
            details=details,
            refusals=(RoleRefused, ExceptionsChanged),
        ) as entry,
        _owners_locked(tenant),
    ):
        _require_held(membership)
        before = exclusions_of(membership)
        if {one.pk for one in before} != set(seen):
            raise ExceptionsChanged
        _require_below(tenant, excluded)
        choice = as_it_is_now(RoleChoice.of(membership))
        for without in (before, excluded):
            require_takeable(access, choice, tenant=tenant, excluded=without)
        if excluded:
            _require_another_owner(membership, access)
        membership.exclusions.all().delete()
        Exclusion.objects.bulk_create([Exclusion(membership=membership, tenant=one) for one in excluded])
        entry.details = changes({"except": _names(before, access)}, {"except": _names(excluded, access)})
        publish("access.changed", tenant_id=tenant.pk, user=user.pk)
        role_taken.send(Membership, user=user)


def may_close(access: Access, user: User) -> bool:
    """Whether the caller may close this sign-in: he could take each role it holds."""
    memberships = list(_memberships_of(user))
    return bool(memberships) and all(
        may_take(access, RoleChoice.of(one), tenant=one.tenant, excluded=exclusions_of(one))
        for one in memberships
    )


def close_sign_in(user: User, *, access: Access, actor: User) -> None:
    """Let somebody sign in no more; sessions, sockets and open sign-ins into Comet end at once.

    Raises:
        RoleRefused: the person holds a role the caller could not take, or is a Tenant's last owner.
    """
    owned = list(Tenant.objects.filter(memberships__user=user, memberships__role=OWNER))
    with (
        audit.record(
            "person.close",
            actor=actor,
            tenant_id=home_tenant_id(user),
            target=user,
            details={"person": user.email},
            refusals=(RoleRefused,),
        ),
        _owners_locked(*owned),
    ):
        _require_may_close(access, user)
        for membership in _memberships_of(user).filter(role=OWNER):
            _require_another_owner(membership, access)
        User.objects.filter(pk=user.pk).update(is_active=False)
        user.is_active = False
        end_sessions(user)
        publish("access.changed", tenant_id=None, user=user.pk)
        role_taken.send(Membership, user=user)


def reopen_sign_in(user: User, *, access: Access, actor: User) -> None:
    """Let somebody whose sign-in was closed sign in again, with the roles still held.

    Raises:
        RoleRefused: the person holds a role the caller could not give.
    """
    with audit.record(
        "person.reopen",
        actor=actor,
        tenant_id=home_tenant_id(user),
        target=user,
        details={"person": user.email},
        refusals=(RoleRefused,),
    ):
        _require_may_close(access, user)
        User.objects.filter(pk=user.pk).update(is_active=True)
        user.is_active = True


def exclusions_of(membership: Membership) -> list[Tenant]:
    """The Tenants whose subtrees a Membership leaves out."""
    return [exclusion.tenant for exclusion in membership.exclusions.select_related("tenant")]


def as_it_is_now(choice: RoleChoice) -> RoleChoice:
    """The same with a custom role read again and kept from being changed until the transaction ends."""
    if choice.custom is None:
        return choice
    held = CustomRole.objects.select_for_update(of=("self",), no_key=True).select_related("tenant")
    current = held.filter(pk=choice.custom.pk).first()
    if current is None:
        raise RoleRefused(f"The role {choice.name} was deleted meanwhile. Choose another.")
    return RoleChoice(custom=current)


def _names(tenants: Collection[Tenant], access: Access) -> list[str]:
    """For the audit, which the caller may read: of those out of his sight only how many they are."""
    seen = [str(one) for one in tenants if access.allows("person:view", tenant_id=one.pk)]
    unseen = len(tenants) - len(seen)
    return [*sorted(seen), *([f"{unseen} out of sight of who did this"] if unseen else [])]


def _memberships_of(user: User) -> QuerySet[Membership]:
    return Membership.objects.filter(user=user).select_related("tenant", "custom_role__tenant", "user")


@contextmanager
def _owners_locked(*tenants: Tenant) -> Iterator[None]:
    """A transaction in which nobody else takes owners away from these Tenants."""
    with transaction.atomic():
        ids = sorted(tenant.pk for tenant in tenants)
        list(Tenant.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk"))
        yield


def _require_held(membership: Membership) -> None:
    if not Membership.objects.filter(pk=membership.pk).exists():
        raise RoleRefused(f"{membership.user} is no longer {membership.role_name} of {membership.tenant}.")


def _require_another_owner(membership: Membership, access: Access) -> None:
    """A Tenant keeps an owner who reaches all of it, unless who looks after it from above says otherwise."""
    tenant = membership.tenant
    if membership.role != OWNER or membership.exclusions.exists() or not membership.user.is_active:
        return
    if tenant.parent_id is not None and access.allows("person:manage", tenant_id=tenant.parent_id):
        return
    owners = Membership.objects.filter(tenant=tenant, role=OWNER, exclusions=None, user__is_active=True)
    if not owners.exclude(pk=membership.pk).exists():
        raise RoleRefused(f"{tenant} needs an owner. Make somebody else owner first.")


def _require_may_close(access: Access, user: User) -> None:
    if not may_close(access, user):
        raise RoleRefused(
            "A sign-in can be closed and reopened only by somebody who may take every role it holds."
            " Take the roles that are yours to take."
        )


def _require_below(tenant: Tenant, excluded: Collection[Tenant]) -> None:
    for one in excluded:
        if one.pk == tenant.pk or not one.path.startswith(tenant.path):
            raise RoleRefused(f"{one} is not below {tenant}, so there is nothing to leave out.")
