"""A Line for every URL of the portal, room by room. A URL without one fails."""

from typing import Final

from portal.core.access import ROLES
from portal.placing import plans
from tests.refusals.line import ANYTHING, SIGNED_IN, Line, action, form, rows
from tests.refusals.open_lines import OPEN
from tests.refusals.places import Place


def plan_of(place: Place) -> str:
    """Places the organization where it is already."""
    line = plans.Line(place.placement.pk, plans.standing(place.placement), place.tenant.pk)
    return plans.Plan("organizations", [line]).encode()


OVERVIEW: Final = {
    "overview:home": Line(SIGNED_IN),
    "overview:search": Line(SIGNED_IN),
}

JOBS: Final = {
    "jobs:attention": Line("job:view"),
    "jobs:attention-confirm": Line("backup:run", query={"cause": "7002:"}),
    "jobs:attention-run": action("backup:run", data={"cause": "7002:"}, see="job:view", unseen=422),
    "jobs:job-list": rows("job:view"),
    "jobs:job-export": rows("job:view"),
    "jobs:job-detail": Line("job:view", of=lambda p: [p.job.pk]),
    "jobs:stuck-list": Line("job:view"),
    "jobs:stuck-plan": Line("job:view", query=lambda p: {"selected": p.job.pk}),
    "jobs:stuck-run": action("job:view", data={"choice": "0:abandon"}, post=422),
    "jobs:job-log": Line("job:view", of=lambda p: [p.job.pk]),
    "jobs:job-log-text": Line("job:view", of=lambda p: [p.job.pk], get=302),
    "jobs:job-cancel": action("job:view", of=lambda p: [p.job.pk], act="job:cancel"),
}

FLEET: Final = {
    "fleet:device-list": rows("device:view"),
    "fleet:device-export": rows("device:view"),
    "fleet:device-detail": Line("device:view", of=lambda p: [p.device.pk]),
    "fleet:backup-confirm": Line("backup:run", query=lambda p: {"device": p.device.pk}, see="device:view"),
    "fleet:backup-run": action("backup:run", data=lambda p: {"device": p.device.pk}, see="device:view"),
    "fleet:device-people": Line("device:view", of=lambda p: [p.device.pk], act="person:view"),
    "fleet:user-list": rows("user:view"),
    "fleet:user-export": rows("user:view"),
    "fleet:user-detail": Line("user:view", of=lambda p: [p.profile.pk]),
}

LIVE: Final = {
    "live:activity": rows("activity:view"),
    "live:activity-counts": Line("activity:view"),
    "live:activity-people": Line("activity:view"),
    "live:activity-export-csv": rows("activity:view"),
    "live:activity-export-jsonl": rows("activity:view"),
    "live:event-detail": Line("activity:view", of=lambda p: [p.event.pk]),
    "live:set-aside-list": rows("server:sync"),
    "live:set-aside-detail": Line("server:sync", of=lambda p: [p.set_aside.pk]),
    "live:set-aside-replay": action("server:sync", of=lambda p: [p.set_aside.pk]),
    "live:set-aside-dismiss": action("server:sync", of=lambda p: [p.set_aside.pk]),
    "live:set-aside-replay-all": action("server:sync"),
    "live:pills": Line(SIGNED_IN),
    "live:webhook-detail": Line("server:link", of=lambda p: [p.server.pk], see="server:view"),
    "live:webhook-set-up": action("server:link", of=lambda p: [p.server.pk], see="server:view"),
    "live:webhook-check": action("server:link", of=lambda p: [p.server.pk], see="server:view"),
    "live:webhook-remove": action("server:link", of=lambda p: [p.server.pk], see="server:view"),
    "live:webhook-renew": action("server:link", of=lambda p: [p.server.pk], see="server:view"),
    "live:stream-close": action("server:link", of=lambda p: [p.server.pk], see="server:view", post=422),
    "live:stream-open": action("server:link", of=lambda p: [p.server.pk], see="server:view"),
}

OPERATIONS: Final = {
    "operations:operation-list": rows("operation:view"),
    "operations:operation-detail": Line("operation:view", of=lambda p: [p.operation.pk]),
    "operations:operation-cancel": action(
        "operation:cancel", of=lambda p: [p.operation.pk], see="operation:view"
    ),
}

TENANTS: Final = {
    "tenants:tenant-list": Line("tenant:view"),  # the topmost; those below are asked for
    "tenants:tenant-export": rows("tenant:view"),
    "tenants:tenant-create": form("tenant:manage"),
    "tenants:tenant-detail": form("tenant:view", of=lambda p: [p.tenant.pk], change="tenant:manage"),
    "tenants:tenant-below": Line("tenant:view", of=lambda p: [p.tenant.pk]),
    "tenants:tenant-move": form("tenant:manage", of=lambda p: [p.below.pk], see="tenant:view"),
    "tenants:tenant-suspend": form("tenant:manage", of=lambda p: [p.below.pk], see="tenant:view", post=302),
    "tenants:tenant-resume": form("tenant:manage", of=lambda p: [p.below.pk], see="tenant:view"),
    "tenants:tenant-delete": form("tenant:manage", of=lambda p: [p.below.pk], see="tenant:view"),
    "tenants:trash-list": rows("tenant:manage"),
    "tenants:tenant-restore": action("tenant:manage", of=lambda p: [p.trashed.pk]),
    "tenants:tenant-purge": form("tenant:manage", of=lambda p: [p.trashed.pk], act="tenant:purge"),
    "tenants:tenant-options": Line(SIGNED_IN),
    "tenants:tenant-switch": action(SIGNED_IN, data=lambda p: {"tenant": p.tenant.pk}, see=ANYTHING),
}

ACCOUNTS: Final = {
    "accounts:person-list": rows("person:view"),
    "accounts:invitation-list": rows("person:view"),
    "accounts:person-invite": form("person:manage"),
    "accounts:person-detail": Line("person:view", of=lambda p: [p.member.pk]),
    "accounts:person-security": Line("person:view", of=lambda p: [p.member.pk]),
    "accounts:person-close": action("person:manage", of=lambda p: [p.member.pk], see="person:view"),
    "accounts:person-reopen": action("person:manage", of=lambda p: [p.member.pk], see="person:view"),
    "accounts:person-factors-reset": action("person:manage", of=lambda p: [p.member.pk], see="person:view"),
    "accounts:person-sessions-end": action("person:manage", of=lambda p: [p.member.pk], see="person:view"),
    "accounts:view-as": form("person:view-as"),
    "accounts:view-as-person": action("person:view-as", of=lambda p: [p.member.pk], see="person:view"),
    "accounts:view-as-stop": action(SIGNED_IN),
    "accounts:role-give": form("person:manage", of=lambda p: [p.member.pk], see="person:view"),
    "accounts:membership-remove": action("person:manage", of=lambda p: [p.membership.pk], see="person:view"),
    "accounts:membership-except": form(
        "person:manage",
        of=lambda p: [p.membership.pk],
        see="person:view",
        post=302,
        grants=ROLES["viewer"],
    ),
    "accounts:role-list": rows("person:view"),
    "accounts:role-create": form("person:manage"),
    "accounts:role-detail": form("person:view", of=lambda p: [p.role.pk], post_gate="person:manage"),
    "accounts:role-delete": form(
        "person:manage",
        of=lambda p: [p.role.pk],
        see="person:view",
        post=302,
        grants=frozenset({"device:view", "job:view"}),
    ),
    "accounts:invitation-revoke": action("person:manage", of=lambda p: [p.invitation.pk], see="person:view"),
    "accounts:factor-rules": rows("person:manage", post=422),
    "accounts:factor-rule-remove": action("person:manage", of=lambda p: [p.rule.pk], see="person:view"),
}

TOKENS: Final = {
    "accounts:token-list": Line(SIGNED_IN),
    "accounts:token-make": form(SIGNED_IN),
    "accounts:token-revoke": action(SIGNED_IN, of=lambda p: [p.token.pk], see="token:manage"),
    "accounts:token-overview": rows("token:manage"),
    "accounts:tenant-token-list": Line("tenant:view", of=lambda p: [p.tenant.pk], act="token:manage"),
    "accounts:tenant-token-make": form("tenant:view", of=lambda p: [p.tenant.pk], act="token:manage"),
}

API: Final = {
    "api:docs": Line(SIGNED_IN),
    "api:server-list": rows("server:view", by_token=True),
    "api:server-detail": Line("server:view", of=lambda p: [p.server.pk], by_token=True),
    "api:device-list": rows("device:view", by_token=True),
    "api:device-detail": Line("device:view", of=lambda p: [p.device.pk], by_token=True),
    "api:job-list": rows("job:view", by_token=True),
    "api:job-detail": Line("job:view", of=lambda p: [p.job.pk], by_token=True),
}

ALERTS: Final = {
    "alerts:alert-list": rows("alert:view"),
    "alerts:alert-detail": Line("alert:view", of=lambda p: [p.alert.pk]),
    "alerts:alert-count": Line(SIGNED_IN),
    "alerts:alert-handle": action(
        "alert:manage", data=lambda p: {"act": "acknowledge", "selected": p.alert.pk}, see="alert:view"
    ),
    "alerts:handling-undo": action("alert:manage", of=lambda p: [p.handling.pk], is_mine=True),
    "alerts:rules-list": rows("alert:manage"),
    "alerts:rules-detail": form("alert:manage", of=lambda p: [p.tenant.pk], see="alert:view", post=302),
    "alerts:hook-save": action(
        "alert:manage", of=lambda p: [p.tenant.pk], see="alert:view", grants=frozenset({"alert:manage"})
    ),
    "alerts:hook-test": action("alert:manage", of=lambda p: [p.tenant.pk], see="alert:view"),
    "alerts:mail-choice": form(SIGNED_IN),
}

AUDIT: Final = {
    "audit:entry-list": rows("audit:view"),
    "audit:entry-export-csv": rows("audit:view"),
    "audit:entry-export-jsonl": rows("audit:view"),
    "audit:entry-detail": Line("audit:view", of=lambda p: [p.entry.pk]),
}

SERVERS: Final = {
    "servers:server-list": rows("server:view"),
    "servers:server-detail": Line("server:view", of=lambda p: [p.server.pk]),
    "servers:server-link": form("server:link"),
    "servers:server-edit": form("server:link", of=lambda p: [p.server.pk], see="server:view"),
    "servers:server-unlink": form("server:link", of=lambda p: [p.server.pk], see="server:view"),
    "servers:server-sync": action("server:sync", of=lambda p: [p.server.pk], see="server:view"),
}

PLACING: Final = {
    "placing:placement-list": rows("tenant:manage"),
    "placing:profile-list": rows("tenant:manage"),
    "placing:placement-confirm": Line(
        "tenant:manage", query=lambda p: {"kind": "organizations", "selected": p.placement.pk}
    ),
    "placing:placement-place": action("tenant:manage", data=lambda p: {"plan": plan_of(p)}),
    "placing:change-list": rows("tenant:manage"),
    "placing:change-undo": action("tenant:manage", of=lambda p: [p.change.pk]),
}

SSO: Final = {
    "sso:server-launch": form("server:admin", of=lambda p: [p.server.pk], see="server:view"),
    "sso:organization-launch": form(
        "sso:tenant", of=lambda p: [p.server.pk, p.organization.pk], see="device:view"
    ),
    "sso:user-launch": form("sso:user", of=lambda p: [p.profile.pk], see="user:view"),
    "sso:launch-embedded": Line(SIGNED_IN, of=lambda p: [p.launch.pk], is_mine=True),
    "sso:launch-key": action(SIGNED_IN, of=lambda p: [p.launch.pk], is_mine=True, post=200),
    "sso:launch-end": action(SIGNED_IN, of=lambda p: [p.launch.pk], is_mine=True),
    "sso:launch-ended": Line(SIGNED_IN),
}

ONES_OWN: Final = {
    "accounts:settings": form(SIGNED_IN),
    "accounts:security": Line(SIGNED_IN),
    "accounts:factor-needed": Line(SIGNED_IN, get=302),
    "accounts:proof-needed": Line(SIGNED_IN, get=302),
    "accounts:kept-form": Line(SIGNED_IN, get=302),
    "accounts:session-end": action(SIGNED_IN, of=lambda p: [p.session.pk], is_mine=True),
    "accounts:sessions-end": action(SIGNED_IN),
    "account_reauthenticate": Line(SIGNED_IN, post=200),
    "account_change_password": Line(SIGNED_IN, post=200),
    "mfa_reauthenticate": Line(SIGNED_IN, get=302, post=302),
    "mfa_reauthenticate_webauthn": Line(SIGNED_IN, get=302, post=302, with_a_key=(200, 302)),
    "mfa_index": Line(SIGNED_IN, get=302),
    "mfa_activate_totp": Line(SIGNED_IN, post=200),
    "mfa_deactivate_totp": Line(SIGNED_IN, get=404, post=404),
    "mfa_view_recovery_codes": Line(SIGNED_IN, get=404),
    "mfa_generate_recovery_codes": Line(SIGNED_IN, post=200, with_a_key=(200, 302)),
    "mfa_list_webauthn": Line(SIGNED_IN, get=302),
    "mfa_add_webauthn": Line(SIGNED_IN, post=200),
    "mfa_edit_webauthn": Line(SIGNED_IN, of=lambda p: [p.key.pk], is_mine=True, post=302),
    "mfa_remove_webauthn": Line(SIGNED_IN, of=lambda p: [p.key.pk], is_mine=True, post=302),
}

LINES: Final[dict[str, Line]] = {
    **OPEN,
    **OVERVIEW,
    **JOBS,
    **FLEET,
    **LIVE,
    **OPERATIONS,
    **TENANTS,
    **ACCOUNTS,
    **TOKENS,
    **API,
    **ALERTS,
    **AUDIT,
    **SERVERS,
    **PLACING,
    **SSO,
    **ONES_OWN,
}
