"""Whatever happens to tree, placements, roles and exceptions: people see what a naive reckoning says."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from portal.accounts import access as access_module
from portal.accounts.access import access_for
from portal.accounts.errors import RoleRefused
from portal.accounts.grants import RoleChoice
from portal.accounts.memberships import close_sign_in, exclude_tenants, give_role, reopen_sign_in, take_role
from portal.accounts.models import CustomRole, Membership
from portal.accounts.roles import edit_role, make_role
from portal.core.access import ROLES
from portal.fleet.models import Device
from portal.jobs.models import Job
from portal.servers.models import Placement
from portal.servers.placements import move_placements
from portal.tenants.models import Tenant
from portal.tenants.services import create_tenant, move_tenant
from portal.tenants.suspension import resume_tenant, suspend_tenant
from portal.tenants.trash import restore_tenant, trash_tenant
from tests.cast import person
from tests.factories import (
    CometServerFactory,
    DeviceFactory,
    JobFactory,
    PlacementFactory,
    UserFactory,
    UserProfileFactory,
    provider_tenant,
)

pytestmark = pytest.mark.django_db

PEOPLE = 3
PLACEMENTS = 4
KINDS = st.sampled_from(["reseller", "customer"])
PICK = st.integers(min_value=0, max_value=1_000)
PERMISSIONS = st.sets(
    st.sampled_from(["device:view", "job:view", "backup:run", "tenant:view"]), min_size=1
).map(sorted)
CHECKED = {"device:view": Device, "job:view": Job}
REFUSALS = (RoleRefused, ValidationError, PermissionDenied)


class World(RuleBasedStateMachine):
    """A provider whose owner does everything; three people to whom it happens."""

    def __init__(self) -> None:
        super().__init__()
        self.undo = transaction.savepoint()
        self.patch = pytest.MonkeyPatch()
        self.root = provider_tenant()
        self.owner = person(self.root, "owner").user
        self.people = [UserFactory() for _ in range(PEOPLE)]
        self.server = CometServerFactory(tenant=self.root)
        for number in range(PLACEMENTS):
            placement = PlacementFactory(
                server=self.server, tenant=self.root, organization_id=f"org-of-{number}"
            )
            device = DeviceFactory(
                profile=UserProfileFactory(placement=placement, tenant=self.root), tenant=self.root
            )
            JobFactory(device=device, tenant=self.root)
        self.named = 0

    def teardown(self) -> None:
        self.patch.undo()
        transaction.savepoint_rollback(self.undo)

    @property
    def access(self):
        return access_for(self.owner)

    def attempt(self, change, *args, **kwargs):
        """What is refused leaves everything as it was: the invariant sees to that."""
        try:
            return change(*args, **kwargs)
        except REFUSALS:
            return None

    @staticmethod
    def pick(rows, number):
        rows = list(rows.order_by("pk"))
        return rows[number % len(rows)] if rows else None

    def tenant(self, number):
        return self.pick(Tenant.objects.all(), number)

    def below_root(self, number):
        return self.pick(Tenant.objects.exclude(parent=None), number)

    def below(self, tenant, numbers):
        """Tenants to leave out; the Tenant itself cannot be."""
        return {self.pick(tenant.subtree(), number) for number in numbers}

    def name(self) -> str:
        self.named += 1
        return f"Number {self.named}"

    @initialize(few=st.sampled_from([0, 0, 2, access_module.FEW]))
    def begin(self, few):
        """Two branches, and an administrator who is kept out of one; `few`: see `accounts.access`."""
        self.patch.setattr(access_module, "FEW", few)
        for kind in ("reseller", "customer"):
            self.make_tenant(parent=0, kind=kind)
        self.make_tenant(parent=1, kind="customer")
        self.give(who=0, tenant=0, role="admin", custom=0, excluded=[1])

    # The tree

    @rule(parent=PICK, kind=KINDS)
    def make_tenant(self, parent, kind):
        self.attempt(create_tenant, parent=self.tenant(parent), kind=kind, name=self.name(), actor=self.owner)

    @rule(tenant=PICK, parent=PICK)
    def move(self, tenant, parent):
        moved = self.below_root(tenant)
        if moved:
            self.attempt(move_tenant, moved, parent=self.tenant(parent), access=self.access, actor=self.owner)

    @rule(tenant=PICK, change=st.sampled_from([suspend_tenant, resume_tenant, trash_tenant, restore_tenant]))
    def suspend_or_trash(self, tenant, change):
        changed = self.below_root(tenant)
        if changed:
            self.attempt(change, changed, access=self.access, actor=self.owner)

    # Placements

    @rule(placement=PICK, tenant=PICK)
    def re_home(self, placement, tenant):
        placed = self.pick(
            Placement.objects.filter(server=self.server).select_related("server", "tenant"), placement
        )
        move_placements([(placed, self.tenant(tenant).pk, False)])

    # Roles

    @rule(
        who=PICK,
        tenant=PICK,
        role=st.sampled_from(sorted(ROLES)),
        custom=PICK,
        excluded=st.lists(PICK, max_size=2),
    )
    def give(self, who, tenant, role, custom, excluded):
        made = self.pick(CustomRole.objects.select_related("tenant"), custom) if custom % 2 else None
        self.attempt(
            give_role,
            self.people[who % PEOPLE],
            tenant=self.tenant(tenant),
            choice=RoleChoice(custom=made) if made else RoleChoice(role),
            excluded=self.below(self.tenant(tenant), excluded),
            access=self.access,
            actor=self.owner,
        )

    @rule(
        giver=PICK,
        who=PICK,
        tenant=PICK,
        role=st.sampled_from(sorted(ROLES)),
        excluded=st.lists(PICK, max_size=2),
    )
    def pass_on(self, giver, who, tenant, role, excluded):
        """One of the people gives a role: never what he would not see himself, were all restored."""
        giver, top, held = self.people[giver % PEOPLE], self.tenant(tenant), Reckoning()
        chosen = self.below(top, excluded)
        giver.refresh_from_db()
        seen = {name: held.tenants(giver, name, restored=True) for name in ROLES[role]}
        given = self.attempt(
            give_role,
            self.people[who % PEOPLE],
            tenant=top,
            choice=RoleChoice(role),
            excluded=chosen,
            access=access_for(giver),
            actor=giver,
        )
        if given:
            left_out = {one.pk for one in chosen}
            reached = {
                pk for pk in held.by_id if top.pk in held.line(pk) and left_out.isdisjoint(held.line(pk))
            }
            assert all(reached <= tenants for tenants in seen.values())

    @rule(membership=PICK)
    def take(self, membership):
        held = self.pick(Membership.objects.exclude(user=self.owner), membership)
        if held:
            self.attempt(take_role, held, access=self.access, actor=self.owner)

    @rule(membership=PICK, excluded=st.lists(PICK, max_size=2))
    def leave_out(self, membership, excluded):
        held = self.pick(Membership.objects.exclude(user=self.owner), membership)
        if held:
            chosen = self.below(held.tenant, excluded)
            seen = held.exclusions.values_list("tenant", flat=True)
            self.attempt(exclude_tenants, held, chosen, seen=seen, access=self.access, actor=self.owner)

    @rule(tenant=PICK, permissions=PERMISSIONS)
    def make_custom_role(self, tenant, permissions):
        self.attempt(
            make_role,
            tenant=self.tenant(tenant),
            name=self.name(),
            permissions=permissions,
            access=self.access,
            actor=self.owner,
        )

    @rule(role=PICK, permissions=PERMISSIONS)
    def change_custom_role(self, role, permissions):
        made = self.pick(CustomRole.objects.all(), role)
        if made:
            self.attempt(
                edit_role,
                made,
                name=made.name,
                permissions=permissions,
                version=made.version,
                access=self.access,
                actor=self.owner,
            )

    @rule(who=PICK, change=st.sampled_from([close_sign_in, reopen_sign_in]))
    def close_or_reopen(self, who, change):
        self.attempt(change, self.people[who % PEOPLE], access=self.access, actor=self.owner)

    # What must hold

    @invariant()
    def people_see_what_the_reckoning_says(self):
        reckoning = Reckoning()
        for user in [self.owner, *self.people]:
            user.refresh_from_db()
            access = access_for(user)
            for permission, model in CHECKED.items():
                expected = reckoning.tenants(user, permission)
                rows = set(model.objects.visible_to(access, permission).values_list("pk", flat=True))
                assert rows == {
                    row.pk
                    for row in model.objects.select_related("placement")
                    if row.placement.tenant_id in expected
                }
                tenants = access.tenants_with(permission)
                assert {pk for pk in reckoning.by_id if pk in tenants} == expected
                assert not isinstance(tenants, frozenset) or tenants == expected
                for tenant in reckoning.by_id.values():
                    narrowed = access_for(user, within=tenant).tenants_with(permission)
                    seen = expected & reckoning.open if tenant.parent_id else expected
                    assert {pk for pk in reckoning.by_id if pk in narrowed} == {
                        one for one in seen if tenant.pk in reckoning.line(one)
                    }


class Reckoning:
    """Who sees which Tenants, by walking up from each of them: no paths, no SQL."""

    def __init__(self) -> None:
        self.by_id = {tenant.pk: tenant for tenant in Tenant.objects.all()}
        self.open = {pk for pk in self.by_id if not any(self.by_id[up].trashed_at for up in self.line(pk))}

    def line(self, pk: int | None) -> list[int]:
        """A Tenant and everything above it."""
        return [] if pk is None else [pk, *self.line(self.by_id[pk].parent_id)]

    def tenants(self, user, permission: str, *, restored: bool = False) -> set[int]:
        """Where somebody holds a permission; `restored`: as if nothing below lay in the trash."""
        if not user.is_active:
            return set()
        found: set[int] = set()
        for membership in Membership.objects.filter(user=user).select_related("custom_role"):
            custom = membership.custom_role
            granted = custom.permissions if custom else ROLES[membership.role]
            line = [self.by_id[pk] for pk in self.line(membership.tenant_id)]
            if permission not in granted or any(one.trashed_at or one.suspended_at for one in line):
                continue
            left_out = set(membership.exclusions.values_list("tenant", flat=True))
            whole = self.by_id[membership.tenant_id].parent_id is None and not left_out
            for pk in self.by_id:
                line_of = self.line(pk)
                reached = membership.tenant_id in line_of and not left_out & set(line_of)
                if reached and (whole or restored or pk in self.open):
                    found.add(pk)
        return found


def test_people_see_what_a_naive_reckoning_says():
    run_state_machine_as_test(
        World,
        settings=settings(
            max_examples=25,
            stateful_step_count=20,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
