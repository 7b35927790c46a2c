"""Viewing the portal as a role in a Tenant, or as a person: at most what viewer and viewed both see.

It is kept in the session, lasts half an hour and ends with it. Nothing can be changed meanwhile.
"""

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Final

from django.contrib.sessions.backends.base import SessionBase
from django.utils import timezone

from portal.accounts.access import access_for, reach_of
from portal.accounts.errors import RoleRefused
from portal.accounts.grants import CUSTOM_PREFIX, RoleChoice
from portal.accounts.models import CustomRole, Membership, User
from portal.audit import services as audit
from portal.audit.models import Entry
from portal.core.access import LOOKING, NO_ACCESS, ROLES, Access
from portal.core.events import publish
from portal.tenants.models import Tenant

LASTS: Final = dt.timedelta(minutes=30)
TIME_IS_OVER: Final = "30 minutes are over"
ACTION: Final = "person.view-as"
_KEPT: Final = "viewing_as"


@dataclass(frozen=True)
class Viewing:
    """As whom somebody looks: a person, or a role in a Tenant."""

    label: str
    until: float
    """Unix seconds."""
    entry: int
    """The audit entry that says it began."""
    person: int = 0
    role: str = ""
    tenant: int = 0

    @property
    def ends_at(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self.until, dt.UTC)

    @property
    def is_over(self) -> bool:
        return timezone.now().timestamp() >= self.until

    def seen_with(self, own: Access) -> Access:
        """What is seen meanwhile by who may do `own`."""
        return own.intersection(self._viewed()).limited_to(LOOKING)

    def _viewed(self) -> Access:
        if self.person:
            return access_for(User.objects.filter(pk=self.person).first())
        tenant = Tenant.objects.filter(pk=self.tenant).first()
        if tenant is None:
            return NO_ACCESS
        granted = self._granted()
        return Access(None, dict.fromkeys(granted, reach_of(tenant)))

    def _granted(self) -> frozenset[str]:
        if not self.role.startswith(CUSTOM_PREFIX):
            return ROLES[self.role]
        role = CustomRole.objects.filter(pk=self.role.removeprefix(CUSTOM_PREFIX)).first()
        return role.granted if role else frozenset()


def viewing_of(session: SessionBase) -> Viewing | None:
    """As whom the person of this session views; None where as himself, or where it is over."""
    held = session.get(_KEPT)
    viewing = Viewing(**held) if held else None
    return None if viewing is None or viewing.is_over else viewing


def view_as_person(
    session: SessionBase, person: User, *, access: Access, actor: User, ip: str | None
) -> Viewing:
    """Look at the portal as `person` does.

    Raises:
        RoleRefused: the person has no role where the caller may do this, is the caller, or cannot
            sign in.
    """
    seen = (
        Membership.objects.visible_to(access, "person:view-as").filter(user=person).order_by("tenant__path")
    )
    membership = seen.first()
    if membership is None:
        raise RoleRefused(f"You may not view as {person}.")
    if person.pk == actor.pk:
        raise RoleRefused("You see the portal as yourself already.")
    if not person.is_active:
        raise RoleRefused(f"The sign-in of {person} is closed, so there is nothing to see.")
    entry = audit.begin(
        ACTION, actor=actor, tenant_id=membership.tenant_id, target=person, ip=ip, details={"as": str(person)}
    )
    return _begin(session, actor, label=str(person), entry=entry.pk, person=person.pk)


def view_as_role(
    session: SessionBase, choice: RoleChoice, tenant: Tenant, *, access: Access, actor: User, ip: str | None
) -> Viewing:
    """Look at the portal as somebody with this role in that Tenant would.

    Raises:
        RoleRefused: the caller may not do this there, or the role cannot be held there.
    """
    if not access.allows("person:view-as", tenant_id=tenant.pk):
        raise RoleRefused(f"You may not view as somebody of {tenant}.")
    if not choice.belongs_to(tenant):
        raise RoleRefused(f"The role {choice.name} cannot be held in {tenant}.")
    label = f"{choice.name} of {tenant}"
    entry = audit.begin(ACTION, actor=actor, tenant_id=tenant.pk, target=tenant, ip=ip, details={"as": label})
    return _begin(session, actor, label=label, entry=entry.pk, role=choice.value, tenant=tenant.pk)


def stop_viewing(session: SessionBase, *, user: User, because: str) -> None:
    """See the portal as oneself again; does nothing where that is so already."""
    held = session.pop(_KEPT, None)
    if held:
        _end_entry(Entry.objects.filter(pk=held["entry"], ends=None).first(), because)
        publish("access.changed", tenant_id=None, user=user.pk)


def sweep_viewings() -> None:
    """End in the audit what ended by time, or with its session."""
    over = Entry.objects.filter(
        action=ACTION, phase=Entry.Phase.BEGUN, ends=None, at__lte=timezone.now() - LASTS
    )
    for entry in over[:100]:
        _end_entry(entry, TIME_IS_OVER)


def _begin(session: SessionBase, actor: User, *, label: str, entry: int, **whom: int | str) -> Viewing:
    stop_viewing(session, user=actor, because="viewing as somebody else")
    viewing = Viewing(label=label, until=(timezone.now() + LASTS).timestamp(), entry=entry, **whom)  # type: ignore[arg-type]
    session[_KEPT] = asdict(viewing)
    publish("access.changed", tenant_id=None, user=actor.pk)
    return viewing


def _end_entry(entry: Entry | None, because: str) -> None:
    if entry is not None:
        audit.end(entry, audit.DONE, details={"because": because})
