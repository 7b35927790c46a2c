"""Who may do what, Tenant by Tenant: the permission table, and the one place that answers.

Views, tasks, consumers and templates decide nothing themselves. Tenants are known by id only;
`accounts.access.access_for` builds an `Access` from a person's Memberships.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django_htmx.middleware import HtmxDetails

from portal.core.tenant_sets import EVERYTHING as EVERYTHING  # all that most rooms ask a set for
from portal.core.tenant_sets import NOWHERE, TenantSet, both, union

PERMISSIONS: Final[Mapping[str, str]] = {
    "server:view": "See Comet Servers: address, version, freshness",
    "server:link": "Link and unlink Comet Servers, change their credentials",
    "server:sync": "Ask for a full sync of a Comet Server",
    "server:admin": "Open a Comet Server signed in as its server administrator",
    "user:view": "See User Profiles",
    "user:suspend": "Suspend User Profiles on their Comet Servers, and resume them",
    "device:view": "See Devices, Protected Items and Storage Vaults",
    "job:view": "See Jobs and their logs",
    "backup:run": "Run backups",
    "job:cancel": "Cancel running Jobs",
    "job:abandon": "Abandon Jobs that stand still, without asking their device",
    "alert:view": "See alerts",
    "alert:manage": "Acknowledge and snooze alerts, settle when and where they are told",
    "activity:view": "See what happens on Comet Servers, live",
    "operation:view": "See Operations and how far they are",
    "operation:cancel": "Cancel Operations",
    "sso:tenant": "Open Comet signed in as administrator of an organization",
    "sso:user": "Open Comet signed in as an end user",
    "tenant:view": "See tenants and what is placed under them",
    "tenant:manage": "Create and change tenants, place organizations under them",
    "tenant:purge": "Delete tenants for good, before their 30 days in the trash are over",
    "person:view": "See people and their roles",
    "person:manage": "Invite people, give and take roles",
    "person:view-as": "See the portal as a role or a person sees it",
    "token:manage": "See and revoke API tokens, make those of a tenant",
    "audit:view": "Read the audit",
}

_VIEW = frozenset({"user:view", "device:view", "job:view", "alert:view", "activity:view", "operation:view"})
_ACT = frozenset({"backup:run", "job:cancel", "operation:cancel", "sso:user"})

ROLES: Final[Mapping[str, frozenset[str]]] = {
    "owner": frozenset(PERMISSIONS),
    "admin": frozenset(PERMISSIONS) - {"tenant:purge"},
    "technician": _VIEW
    | _ACT
    | {
        "alert:manage",
        "server:view",
        "server:link",
        "server:sync",
        "server:admin",
        "job:abandon",
        "sso:tenant",
        "tenant:view",
    },
    "billing": frozenset({"user:view", "device:view", "tenant:view", "server:view"}),
    "viewer": _VIEW | {"tenant:view"},
    "customer": _VIEW | {"backup:run", "job:cancel", "sso:user"},
}
"""What each role grants, in the Tenant it is held in and everything below it."""


LOOKING: Final = frozenset(
    {permission for permission in PERMISSIONS if permission.endswith(":view")}
    | {"backup:run", "job:cancel", "operation:cancel", "server:sync"}
)
"""What is left of a person's permissions while viewing as somebody else. Buttons show; pressing is refused.

What opens Comet, links servers or gives roles is not among them, nor is what is not named here.
"""


@dataclass(frozen=True, slots=True)
class Access:
    """What one person may do, Tenant by Tenant; built once a request, asked everywhere."""

    user_id: int | None
    tenants: Mapping[str, TenantSet] = field(default_factory=dict)
    """Permission -> the Tenants that grant it. What no Tenant grants is not among them."""
    names: Mapping[int, str] = field(default_factory=dict, kw_only=True, compare=False)
    """Names of the Tenants in which roles are held, as far as they were read with the roles."""

    def tenants_with(self, permission: str) -> TenantSet:
        """Ids of the Tenants that grant `permission`; no grant gives the empty set."""
        if permission not in PERMISSIONS:
            raise LookupError(f"{permission!r} is not in the permission table")
        return self.tenants.get(permission, NOWHERE)

    def allows(self, permission: str, *, tenant_id: int) -> bool:
        return tenant_id in self.tenants_with(permission)

    def require(self, permission: str, *, tenant_id: int) -> None:
        """Raise PermissionDenied unless `permission` is held in this Tenant."""
        if not self.allows(permission, tenant_id=tenant_id):
            raise PermissionDenied(permission)

    def reach(self) -> TenantSet:
        """Ids of the Tenants in which anything at all is granted."""
        return union({id(tenants): tenants for tenants in self.tenants.values()}.values())

    def held_in(self, tenant_id: int) -> frozenset[str]:
        """Every permission held in one Tenant."""
        return frozenset(permission for permission, tenants in self.tenants.items() if tenant_id in tenants)

    def permissions(self) -> Iterator[str]:
        """Every permission held in at least one Tenant; what navigation shows follows from it."""
        return (permission for permission in PERMISSIONS if self.tenants_with(permission))

    def limited_to(self, permissions: frozenset[str]) -> "Access":
        """The same with these permissions alone, wherever they are held."""
        kept = {name: tenants for name, tenants in self.tenants.items() if name in permissions}
        return Access(self.user_id, kept, names=self.names)

    def intersection(self, other: "Access") -> "Access":
        """What both hold, Tenant by Tenant; in the name of this one's person."""
        shared = {
            name: both(tenants, other.tenants[name])
            for name, tenants in self.tenants.items()
            if name in other.tenants
        }
        held = {name: tenants for name, tenants in shared.items() if tenants}
        return Access(self.user_id, held, names={**other.names, **self.names})


NO_ACCESS: Final = Access(user_id=None)


class PortalRequest(HttpRequest):
    """A request behind the portal's middleware; for annotations only."""

    access: Access
    """Narrowed to the Tenant of the switcher."""
    whole_access: Access
    viewing: Any
    """As whom the person views the portal (`accounts.viewing.Viewing`), or None."""
    tenant: Any
    """The Tenant of the switcher, or None."""
    user: Any
    """The person signed in; views that anyone may use look at `is_authenticated` first."""
    htmx: HtmxDetails


P = ParamSpec("P")
View = Callable[Concatenate[Any, P], HttpResponseBase]


def requires(permission: str) -> Callable[[View[P]], View[P]]:
    """Refuse with 403 who holds `permission` in no Tenant. Objects are then found by `visible_to`."""
    if permission not in PERMISSIONS:
        raise LookupError(f"{permission!r} is not in the permission table")

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: PortalRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.access.tenants_with(permission):
                raise PermissionDenied(permission)
            return view(request, *args, **kwargs)

        guarded.permission = permission  # type: ignore[attr-defined]  # read by tests/test_conventions.py
        return guarded

    return decorate


def signed_in(view: View[P]) -> View[P]:
    """Mark a view that everyone signed in may use, whatever their roles: their own settings, say."""
    view.permission = "signed-in"  # type: ignore[attr-defined]
    return view


def while_viewing(view: View[P]) -> View[P]:
    """Mark a `signed_in` view that shows nothing of the person's own: it stays while viewing as another."""
    view.while_viewing = True  # type: ignore[attr-defined]
    return view


def hands_out_file(view: View[P]) -> View[P]:
    """Mark a view that hands out a file: while viewing as another it is refused before it begins."""
    view.hands_out_file = True  # type: ignore[attr-defined]
    return view


def public(view: View[P]) -> View[P]:
    """Mark a view that needs no sign-in. It still states so, and tests list it."""
    view.permission = "public"  # type: ignore[attr-defined]
    view.login_required = False  # type: ignore[attr-defined]  # read by LoginRequiredMiddleware
    return view
