"""Who is refused what: every URL of the portal, against four people.

Each line names one expected status for the anonymous, for somebody with the same rights in another
tenant, for somebody of the tenant whose role lacks the permission, and for somebody who may; the
last proves that the object was there. A URL without a line fails.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.usersessions.models import UserSession
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal.accounts.models import SecondFactorRule
from portal.alerts.models import Handling, Rules
from portal.core.access import PERMISSIONS, ROLES
from portal.live.webhooks import intake_of
from portal.placing import plans
from portal.sso.services import session_digest
from portal.tenants.models import Tenant
from tests.cast import Person, person
from tests.factories import (
    AlertFactory,
    ApiTokenFactory,
    CometServerFactory,
    CustomRoleFactory,
    DeviceFactory,
    EntryFactory,
    EventFactory,
    InvitationFactory,
    JobFactory,
    LaunchFactory,
    MembershipFactory,
    MoveFactory,
    OperationFactory,
    OperationItemFactory,
    OrganizationFactory,
    PlacementFactory,
    ProtectedItemFactory,
    StorageVaultFactory,
    TenantFactory,
    UserFactory,
    UserProfileFactory,
    security_key,
)
from tests.marks import marked
from tests.test_conventions import url_patterns

pytestmark = pytest.mark.django_db


class World:
    """One reseller that owns a Comet Server and one of everything on it."""

    def __init__(self) -> None:
        self.tenant = TenantFactory(kind=Tenant.Kind.RESELLER, name="The reseller")
        self.below = TenantFactory(parent=self.tenant, name="A customer below")
        self.trashed = TenantFactory(parent=self.tenant, name="A customer in the trash")
        self.trashed.trashed_at, self.trashed.is_trashed = timezone.now(), True
        self.trashed.save()
        self.server = CometServerFactory(
            tenant=self.tenant, api_url="http://127.0.0.1:1", password=marked("server-admin")
        )
        self.placement = PlacementFactory(server=self.server, tenant=self.tenant)
        self.organization = OrganizationFactory(
            server=self.server,
            organization_id=self.placement.organization_id,
            admin_password=marked("organization-admin"),
        )
        self.profile = UserProfileFactory(placement=self.placement)
        self.device = DeviceFactory(profile=self.profile, connections=1)
        self.item = ProtectedItemFactory(device=self.device, last_state="failed", last_status=7002)
        self.vault = StorageVaultFactory(profile=self.profile)
        self.job = JobFactory(device=self.device, status=6001, state="running", ended_at=None)
        self.operation = OperationFactory(tenant=self.tenant)
        OperationItemFactory(operation=self.operation)
        self.event = EventFactory(placement=self.placement)
        self.entry = EntryFactory(tenant=self.tenant)
        self.membership = MembershipFactory(tenant=self.tenant, role="viewer")
        self.role = CustomRoleFactory(tenant=self.tenant)
        self.change = MoveFactory(server=self.server).change
        self.invitation = InvitationFactory(tenant=self.tenant)
        self.owner = person(self.tenant, "owner")
        self.owners_browser = self.owner.client()
        self.rule = SecondFactorRule.objects.create(tenant=TenantFactory(parent=self.tenant))  # nobody's
        self.session = UserSession.objects.get(user=self.owner.user)
        self.key = security_key(self.owner.user)
        self.intake = intake_of(self.server)
        self.token = ApiTokenFactory(owner=self.owner.user)
        self.alert = AlertFactory(item=self.item)
        self.handling = Handling.objects.create(act="acknowledge", user=self.owner.user, before={})
        Rules.objects.create(
            tenant=self.tenant,
            hook_url="http://127.0.0.1:1/",
            hook_secret=marked("alert-hook"),
            hook_key=marked("alert-signing-key"),
        )
        self.launch = LaunchFactory(
            tenant=self.tenant,
            server=self.server,
            user=self.owner.user,
            portal_session=session_digest(self.owners_browser.session.session_key),
            session_key=marked("session-key"),
        )


@dataclass(frozen=True)
class Line:
    """What the four people get. `foreign` is 404 where the URL names an object of the World."""

    permission: str
    """Also `public` and `signed-in`."""
    method: str = "get"
    args: Callable[[World], list[Any]] = lambda world: []
    data: Callable[[World], Mapping[str, Any]] = field(default=lambda world: {})
    anonymous: int = 302
    foreign: int = 404
    wrong_role: int = 403
    allowed: int = 200
    by_token: bool = False
    """Whether scripts ask, with an API token, and no browser."""


def page(permission: str, **expected: Any) -> Line:
    """A page without an object: others see it with their own rows, or none."""
    return Line(permission, **({"foreign": 200} | expected))


def post(permission: str, **expected: Any) -> Line:
    return Line(permission, method="post", **({"allowed": 302} | expected))


def plan_of(world: World) -> str:
    """Places the World's organization where it is already."""
    line = plans.Line(world.placement.pk, plans.standing(world.placement), world.tenant.pk)
    return plans.Plan("organizations", [line]).encode()


def asked_by_script(permission: str, **expected: Any) -> Line:
    """An address of the API. A token whose owner has no role at all lets nobody in: 401 and not 403."""
    return Line(permission, **({"anonymous": 401, "by_token": True} | expected))


LINES: dict[str, Line] = {
    "core:healthz": Line("public", anonymous=200, foreign=200, wrong_role=200),
    "overview:home": page("signed-in", wrong_role=200),
    "overview:search": page("signed-in", wrong_role=200),
    "jobs:attention": page("job:view"),
    "jobs:attention-confirm": page("backup:run", data=lambda w: {"cause": "7002:"}),
    "jobs:attention-run": post("backup:run", foreign=422, data=lambda w: {"cause": "7002:"}),
    "jobs:job-list": page("job:view"),
    "jobs:job-export": page("job:view"),
    "jobs:job-detail": Line("job:view", args=lambda w: [w.job.pk]),
    "jobs:job-log": Line("job:view", args=lambda w: [w.job.pk]),
    "jobs:job-log-text": Line("job:view", args=lambda w: [w.job.pk], allowed=302),
    "jobs:job-cancel": post("job:cancel", args=lambda w: [w.job.pk]),
    "fleet:device-list": page("device:view"),
    "fleet:device-export": page("device:view"),
    "fleet:device-detail": Line("device:view", args=lambda w: [w.device.pk]),
    "fleet:device-people": Line("person:view", args=lambda w: [w.device.pk]),
    "fleet:backup-confirm": Line("backup:run", data=lambda w: {"device": w.device.pk}),
    "fleet:backup-run": post("backup:run", data=lambda w: {"device": w.device.pk}),
    "fleet:user-list": page("user:view"),
    "fleet:user-export": page("user:view"),
    "fleet:user-detail": Line("user:view", args=lambda w: [w.profile.pk]),
    "alerts:alert-list": page("alert:view"),
    "alerts:alert-detail": Line("alert:view", args=lambda w: [w.alert.pk]),
    "alerts:alert-count": page("signed-in", wrong_role=200),
    "alerts:alert-handle": post(
        "alert:manage", data=lambda w: {"act": "acknowledge", "selected": w.alert.pk}
    ),
    "alerts:handling-undo": post("alert:manage", args=lambda w: [w.handling.pk]),
    "alerts:rules-list": page("alert:manage", foreign=302),
    "alerts:rules-detail": Line("alert:manage", args=lambda w: [w.tenant.pk]),
    "alerts:hook-test": post("alert:manage", args=lambda w: [w.tenant.pk]),
    "alerts:mail-choice": page("signed-in", wrong_role=200),
    "live:activity": page("activity:view"),
    "live:event-detail": Line("activity:view", args=lambda w: [w.event.pk]),
    "live:webhook-detail": Line("server:link", args=lambda w: [w.server.pk]),
    "live:webhook-set-up": post("server:link", args=lambda w: [w.server.pk]),
    "live:webhook-check": post("server:link", args=lambda w: [w.server.pk]),
    "live:webhook-remove": post("server:link", args=lambda w: [w.server.pk]),
    "live:webhook-renew": post("server:link", args=lambda w: [w.server.pk]),
    "live:webhook-receive": Line(
        "public",
        method="post",
        args=lambda w: [w.intake.key],
        anonymous=401,
        foreign=401,
        wrong_role=401,
        allowed=401,
    ),
    "live:metrics": Line("public", anonymous=404, foreign=404, wrong_role=404, allowed=404),
    "live:pills": page("signed-in", wrong_role=200),
    "operations:operation-list": page("operation:view"),
    "operations:operation-detail": Line("operation:view", args=lambda w: [w.operation.pk]),
    "operations:operation-cancel": post("operation:cancel", args=lambda w: [w.operation.pk]),
    "tenants:tenant-list": page("tenant:view"),
    "tenants:tenant-create": page("tenant:manage"),
    "tenants:tenant-detail": Line("tenant:view", args=lambda w: [w.tenant.pk]),
    "tenants:tenant-export": page("tenant:view"),
    "tenants:tenant-below": Line("tenant:view", args=lambda w: [w.tenant.pk]),
    "tenants:tenant-move": Line("tenant:manage", args=lambda w: [w.below.pk]),
    "tenants:tenant-suspend": Line("tenant:manage", args=lambda w: [w.below.pk]),
    "tenants:tenant-resume": Line("tenant:manage", args=lambda w: [w.below.pk]),
    "tenants:tenant-delete": Line("tenant:manage", args=lambda w: [w.below.pk]),
    "tenants:trash-list": page("tenant:manage"),
    "tenants:tenant-restore": post("tenant:manage", args=lambda w: [w.trashed.pk]),
    "tenants:tenant-purge": Line("tenant:manage", args=lambda w: [w.trashed.pk]),
    "tenants:tenant-options": page("signed-in", wrong_role=200),
    "tenants:tenant-switch": post(
        "tenant:view", wrong_role=302, data=lambda w: {"tenant": w.tenant.pk, "next": "/"}
    ),
    "accounts:person-list": page("person:view"),
    "accounts:person-invite": page("person:manage"),
    "accounts:person-detail": Line("person:view", args=lambda w: [w.membership.user_id]),
    "accounts:role-give": Line("person:manage", args=lambda w: [w.membership.user_id]),
    "accounts:person-close": post("person:manage", args=lambda w: [w.membership.user_id]),
    "accounts:person-reopen": post("person:manage", args=lambda w: [w.membership.user_id]),
    "accounts:view-as-person": post("person:view-as", args=lambda w: [w.membership.user_id]),
    "accounts:membership-remove": post("person:manage", args=lambda w: [w.membership.pk]),
    "accounts:membership-except": Line("person:manage", args=lambda w: [w.membership.pk]),
    "accounts:role-list": page("person:view"),
    "accounts:role-create": page("person:manage"),
    "accounts:role-detail": Line("person:view", args=lambda w: [w.role.pk]),
    "accounts:role-delete": Line("person:manage", args=lambda w: [w.role.pk]),
    "accounts:view-as": page("person:view-as"),
    "accounts:view-as-stop": post("signed-in", foreign=302, wrong_role=302),
    "accounts:invitation-revoke": post("person:manage", args=lambda w: [w.invitation.pk]),
    "accounts:settings": page("signed-in", wrong_role=200),
    "accounts:factor-rules": page("person:manage"),
    "accounts:factor-rule-remove": post("person:manage", args=lambda w: [w.rule.pk]),
    "accounts:factor-needed": page("signed-in", foreign=302, wrong_role=302, allowed=302),
    "accounts:person-security": Line("person:view", args=lambda w: [w.membership.user.pk]),
    "accounts:person-factors-reset": post("person:manage", args=lambda w: [w.membership.user.pk]),
    "accounts:person-sessions-end": post("person:manage", args=lambda w: [w.membership.user.pk]),
    "accounts:security": page("signed-in", wrong_role=200),
    "accounts:session-end": post("signed-in", args=lambda w: [w.session.pk], wrong_role=404),
    "accounts:sessions-end": post("signed-in", foreign=302, wrong_role=302),
    "accounts:proof-needed": page("signed-in", wrong_role=302, allowed=302, foreign=302),
    "accounts:kept-form": page("signed-in", wrong_role=302, allowed=302, foreign=302),
    "accounts:invitation-accept": Line(
        "public", args=lambda w: ["no-such-token"], anonymous=410, foreign=410, wrong_role=410, allowed=410
    ),
    "audit:entry-list": page("audit:view"),
    "audit:entry-export-csv": page("audit:view"),
    "audit:entry-export-jsonl": page("audit:view"),
    "audit:entry-detail": Line("audit:view", args=lambda w: [w.entry.pk]),
    "servers:server-list": page("server:view"),
    "servers:server-detail": Line("server:view", args=lambda w: [w.server.pk]),
    "servers:server-link": page("server:link"),
    "servers:server-edit": Line("server:link", args=lambda w: [w.server.pk]),
    "servers:server-unlink": Line("server:link", args=lambda w: [w.server.pk]),
    "servers:server-sync": post("server:sync", args=lambda w: [w.server.pk]),
    "placing:placement-list": page("tenant:manage"),
    "placing:profile-list": page("tenant:manage"),
    "placing:placement-confirm": Line(
        "tenant:manage", data=lambda w: {"kind": "organizations", "selected": w.placement.pk}
    ),
    "placing:placement-place": post("tenant:manage", data=lambda w: {"plan": plan_of(w)}),
    "placing:change-list": page("tenant:manage"),
    "placing:change-undo": post("tenant:manage", args=lambda w: [w.change.pk]),
    "sso:server-launch": Line("server:admin", args=lambda w: [w.server.pk]),
    "sso:organization-launch": Line("sso:tenant", args=lambda w: [w.server.pk, w.organization.pk]),
    "sso:user-launch": Line("sso:user", args=lambda w: [w.profile.pk]),
    "sso:launch-embedded": Line("signed-in", args=lambda w: [w.launch.pk], wrong_role=404),
    "sso:launch-key": post("signed-in", args=lambda w: [w.launch.pk], wrong_role=404, allowed=200),
    "sso:launch-end": post("signed-in", args=lambda w: [w.launch.pk], wrong_role=404),
    "sso:launch-ended": page("signed-in", wrong_role=200),
    "accounts:token-list": page("signed-in", wrong_role=200),
    "accounts:token-make": page("signed-in", wrong_role=200),
    "accounts:token-revoke": post("signed-in", args=lambda w: [w.token.pk], wrong_role=404),
    "accounts:token-overview": page("token:manage"),
    "accounts:tenant-token-list": Line("token:manage", args=lambda w: [w.tenant.pk]),
    "accounts:tenant-token-make": Line("token:manage", args=lambda w: [w.tenant.pk]),
    "api:docs": page("signed-in", wrong_role=200),
    "api:openapi": Line("public", anonymous=200, foreign=200, wrong_role=200),
    "api:root": Line("public", anonymous=404, foreign=404, wrong_role=404, allowed=404),
    "api:nothing-here": Line(
        "public", args=lambda w: ["nothing"], anonymous=404, foreign=404, wrong_role=404, allowed=404
    ),
    "api:server-list": asked_by_script("server:view", foreign=200),
    "api:server-detail": asked_by_script("server:view", args=lambda w: [w.server.pk]),
    "api:device-list": asked_by_script("device:view", foreign=200, wrong_role=401),
    "api:device-detail": asked_by_script("device:view", args=lambda w: [w.device.pk], wrong_role=401),
    "api:job-list": asked_by_script("job:view", foreign=200),
    "api:job-detail": asked_by_script("job:view", args=lambda w: [w.job.pk]),
    "account_login": Line("public", anonymous=200, foreign=302, wrong_role=302, allowed=302),
    "mfa_authenticate": Line("public", anonymous=302, foreign=302, wrong_role=302, allowed=302),
    "mfa_login_webauthn": Line("public", anonymous=302, foreign=302, wrong_role=302, allowed=302),
    "socialaccount_login_cancelled": Line("public", anonymous=200, foreign=200, wrong_role=200),
    "openid_connect_login": Line(
        "public", args=lambda w: ["staff"], anonymous=404, foreign=404, wrong_role=404, allowed=404
    ),
    "openid_connect_callback": Line(
        "public", args=lambda w: ["staff"], anonymous=404, foreign=404, wrong_role=404, allowed=404
    ),
    "mfa_reauthenticate": page("signed-in", wrong_role=302, foreign=302, allowed=302),
    "mfa_reauthenticate_webauthn": page("signed-in", wrong_role=302, foreign=302, allowed=200),
    "mfa_index": page("signed-in", wrong_role=302, foreign=302, allowed=302),
    "mfa_activate_totp": page("signed-in", wrong_role=200),
    "mfa_deactivate_totp": page("signed-in", wrong_role=404, foreign=404, allowed=404),
    "mfa_view_recovery_codes": page("signed-in", wrong_role=404, foreign=404, allowed=404),
    "mfa_generate_recovery_codes": page("signed-in", wrong_role=200),
    "mfa_list_webauthn": page("signed-in", wrong_role=302, foreign=302, allowed=302),
    "mfa_add_webauthn": page("signed-in", wrong_role=200),
    "mfa_edit_webauthn": Line("signed-in", args=lambda w: [w.key.pk], wrong_role=404),
    "mfa_remove_webauthn": Line("signed-in", args=lambda w: [w.key.pk], wrong_role=404),
    "account_logout": page("signed-in", wrong_role=200),
    "account_signup": Line("public", anonymous=200, foreign=302, wrong_role=302, allowed=302),
    "account_inactive": Line("public", anonymous=200, foreign=200, wrong_role=200),
    "account_reauthenticate": page("signed-in", wrong_role=200),
    "account_change_password": page("signed-in", wrong_role=200),
    "account_reset_password": Line("public", anonymous=200, foreign=200, wrong_role=200),
    "account_reset_password_done": Line("public", anonymous=200, foreign=200, wrong_role=200),
    "account_reset_password_from_key": Line(
        "public", args=lambda w: ["1", "no-such-key"], anonymous=200, foreign=200, wrong_role=200
    ),
    "account_reset_password_from_key_done": Line("public", anonymous=200, foreign=200, wrong_role=200),
}


def somebody_without(permission: str, tenant: Tenant) -> Person:
    """One of the tenant whose role lacks the permission; where every role has it, one without a role."""
    role = next((role for role, held in ROLES.items() if permission not in held), None)
    return person(tenant, role) if role and permission in PERMISSIONS else Person(UserFactory(), tenant)


def client_of(who: Person, line: Line) -> Client:
    return who.script() if line.by_token else who.client()


def ask(client: Client, name: str, line: Line, world: World) -> int:
    url = reverse(name, args=line.args(world))
    response = getattr(client, line.method)(url, line.data(world))
    if response.streaming:
        b"".join(response.streaming_content)
    return response.status_code


@pytest.fixture
def world() -> World:
    return World()


def test_every_url_has_a_line():
    assert {name for name, _ in url_patterns()} == set(LINES)


@pytest.mark.parametrize("name", LINES)
def test_the_anonymous(name, world):
    assert ask(Client(), name, LINES[name], world) == LINES[name].anonymous


@pytest.mark.parametrize("name", LINES)
def test_another_tenant(name, world, outsider):
    line = LINES[name]
    assert ask(client_of(outsider, line), name, line, world) == line.foreign


@pytest.mark.parametrize("name", LINES)
def test_the_wrong_role(name, world):
    line = LINES[name]
    client = client_of(somebody_without(line.permission, world.tenant), line)
    assert ask(client, name, line, world) == line.wrong_role


@pytest.mark.parametrize("name", LINES)
def test_who_may(name, world):
    line = LINES[name]
    client = world.owner.script() if line.by_token else world.owners_browser
    assert ask(client, name, line, world) == line.allowed


BY_TOKEN = [name for name, line in LINES.items() if line.by_token]


@pytest.mark.parametrize("name", BY_TOKEN)
def test_a_session_opens_no_api(name, world):
    assert ask(world.owners_browser, name, LINES[name], world) == 401


@pytest.mark.parametrize("name", [name for name, line in LINES.items() if line.anonymous == 302])
def test_a_token_opens_no_page(name, world):
    assert ask(world.owner.script(*PERMISSIONS), name, LINES[name], world) == 302


ALLAUTH = ("account_", "mfa_", "openid_connect_", "socialaccount_")


@pytest.mark.parametrize("name", [name for name in LINES if not name.startswith(ALLAUTH)])
def test_the_wrong_method(name, world):
    """PUT is offered nowhere, what changes something answers no GET; sign-in pages are django-allauth's."""
    line = LINES[name]
    client = world.owners_browser
    url = reverse(name, args=line.args(world))
    assert client.put(url).status_code == 405
    if line.method == "post":
        assert client.get(url).status_code == 405


DANGEROUS = {
    "accounts:factor-rule-remove",
    "accounts:factor-rules",
    "accounts:membership-except",
    "accounts:membership-remove",
    "accounts:person-close",
    "accounts:person-factors-reset",
    "accounts:person-invite",
    "accounts:person-reopen",
    "accounts:role-create",
    "accounts:role-delete",
    "accounts:role-give",
    "live:webhook-renew",
    "servers:server-edit",
    "servers:server-unlink",
    "sso:server-launch",
    "tenants:tenant-delete",
    "tenants:tenant-purge",
    "tenants:tenant-suspend",
}
"""What asks for a fresh proof of who it is, with whatever leads to the same."""


@pytest.mark.parametrize("name", sorted(DANGEROUS))
def test_what_is_dangerous_asks_again_who_it_is(name, world):
    line = LINES[name]
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        url = reverse(name, args=line.args(world))
        response = world.owners_browser.post(url, line.data(world))
    assert response.status_code == 302
    assert response.url.startswith(reverse("account_reauthenticate"))


LISTS = sorted(name for name, line in LINES.items() if line.method == "get" and line.foreign == 200)


@pytest.mark.parametrize("name", LISTS)
def test_lists_show_another_tenant_nothing(name, world, outsider):
    """Names of the World's own objects, which nobody else may read anywhere."""
    secret_names = [world.device.name, world.profile.username, world.job.guid, world.server.name]
    response = client_of(outsider, LINES[name]).get(reverse(name, args=LINES[name].args(world)))
    content = b"".join(response.streaming_content) if response.streaming else response.content
    assert [one for one in secret_names if one in content.decode()] == []
