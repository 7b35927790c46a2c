"""One factory per model; whatever a test does not state is made up here."""

import json
from datetime import timedelta
from typing import Any

import factory
from allauth.mfa.models import Authenticator
from django.utils import timezone
from factory.django import DjangoModelFactory

from portal.accounts.forms_tokens import READING
from portal.accounts.models import ApiToken, CustomRole, Exclusion, Invitation, Membership, User
from portal.accounts.token_text import digest_of, new_token
from portal.alerts.models import Alert
from portal.audit.models import Entry
from portal.fleet.models import Device, Policy, ProtectedItem, StorageVault, UserProfile
from portal.jobs.models import DeviceDay, Job, PlacementHour
from portal.live.models import Event, SetAside
from portal.operations.models import Operation, OperationItem
from portal.placing.models import Change, Move
from portal.servers.models import CometServer, Organization, Placement
from portal.sso.models import Launch
from portal.tenants.models import Tenant
from tests.comet.conformance.authenticator import Authenticator as SoftwareKey


class TenantFactory(DjangoModelFactory):
    """A customer below the provider, which is made when there is none."""

    class Meta:
        model = Tenant

    kind = Tenant.Kind.CUSTOMER
    name = factory.Sequence(lambda n: f"Customer {n}")

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **kwargs: Any) -> Tenant:
        if "parent" not in kwargs:
            kwargs["parent"] = provider_tenant()
        tenant = super()._create(model_class, *args, **kwargs)
        above = tenant.parent.path if tenant.parent else "/"
        tenant.path = f"{above}{tenant.pk}/"
        tenant.save()
        return tenant


def provider_tenant() -> Tenant:
    found = Tenant.objects.filter(parent=None).first()
    return found or TenantFactory(parent=None, kind=Tenant.Kind.PROVIDER, name="Provider")


class UserFactory(DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@example.com")
    name = factory.Sequence(lambda n: f"Person {n}")
    password = factory.django.Password("correct horse battery")


class MembershipFactory(DjangoModelFactory):
    class Meta:
        model = Membership

    user = factory.SubFactory(UserFactory)
    tenant = factory.SubFactory(TenantFactory)
    role = "technician"


class CustomRoleFactory(DjangoModelFactory):
    class Meta:
        model = CustomRole

    tenant = factory.SubFactory(TenantFactory)
    name = factory.Sequence(lambda n: f"Role {n}")
    permissions = factory.LazyFunction(lambda: ["device:view", "job:view"])


class ExclusionFactory(DjangoModelFactory):
    class Meta:
        model = Exclusion

    membership = factory.SubFactory(MembershipFactory)
    tenant = factory.SubFactory(TenantFactory)


def security_key(user: User, name: str = "A key") -> Authenticator:
    """A security key as it is stored: what a browser handed over when it was registered."""
    made = SoftwareKey().register({"challenge": ""}, "https://testserver")
    return Authenticator.objects.create(
        user=user,
        type=Authenticator.Type.WEBAUTHN,
        data={"name": name, "credential": json.loads(made) | {"clientExtensionResults": {}}},
    )


class InvitationFactory(DjangoModelFactory):
    class Meta:
        model = Invitation

    tenant = factory.SubFactory(TenantFactory)
    role = "viewer"
    token_digest = factory.Sequence(lambda n: f"{n:064x}")
    expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(days=1))


class ApiTokenFactory(DjangoModelFactory):
    """A token of a new person, or of `tenant=` with `owner=None`; `text=` is what a script sends."""

    class Meta:
        model = ApiToken

    class Params:
        text = factory.LazyFunction(new_token)

    name = factory.Sequence(lambda n: f"Script {n}")
    token_digest = factory.LazyAttribute(lambda token: digest_of(token.text))
    hint = factory.LazyAttribute(lambda token: token.text[-4:])
    owner = factory.SubFactory(UserFactory)
    permissions = factory.LazyFunction(lambda: list(READING))
    expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(days=90))


class CometServerFactory(DjangoModelFactory):
    """A linked server of the provider; nothing listens at its address."""

    class Meta:
        model = CometServer

    tenant = factory.LazyFunction(provider_tenant)
    name = factory.Sequence(lambda n: f"comet-{n}")
    api_url = factory.Sequence(lambda n: f"http://comet-{n}.example.com:8060")
    browser_url = factory.SelfAttribute("api_url")
    admin_username = "admin"
    credential_kind = CometServer.CredentialKind.PASSWORD
    license_hash = factory.Sequence(lambda n: f"license-{n}")


class OrganizationFactory(DjangoModelFactory):
    class Meta:
        model = Organization

    server = factory.SubFactory(CometServerFactory)
    organization_id = factory.Sequence(lambda n: f"org-{n}")
    name = factory.Sequence(lambda n: f"Organization {n}")
    host = factory.Sequence(lambda n: f"org-{n}.example.com")


class PlacementFactory(DjangoModelFactory):
    class Meta:
        model = Placement

    server = factory.SubFactory(CometServerFactory)
    organization_id = factory.Sequence(lambda n: f"placed-org-{n}")
    tenant = factory.SubFactory(TenantFactory)


class UserProfileFactory(DjangoModelFactory):
    """`tenant=` places it there."""

    class Meta:
        model = UserProfile

    class Params:
        tenant = factory.SubFactory(TenantFactory)

    placement = factory.SubFactory(PlacementFactory, tenant=factory.SelfAttribute("..tenant"))
    server = factory.SelfAttribute("placement.server")
    organization_id = factory.SelfAttribute("placement.organization_id")
    username = factory.Sequence(lambda n: f"user{n}")
    synced_at = factory.LazyFunction(timezone.now)


class PolicyFactory(DjangoModelFactory):
    class Meta:
        model = Policy

    server = factory.SubFactory(CometServerFactory)
    guid = factory.Sequence(lambda n: f"policy-{n}")
    name = factory.Sequence(lambda n: f"Policy {n}")


class DeviceFactory(DjangoModelFactory):
    """`tenant=` places it, with a User Profile of its own, there."""

    class Meta:
        model = Device

    class Params:
        tenant = factory.SubFactory(TenantFactory)

    profile = factory.SubFactory(UserProfileFactory, tenant=factory.SelfAttribute("..tenant"))
    placement = factory.SelfAttribute("profile.placement")
    server = factory.SelfAttribute("profile.server")
    device_id = factory.Sequence(lambda n: f"{n:064x}")
    name = factory.Sequence(lambda n: f"DEVICE-{n:04d}")
    platform = "windows/amd64"
    sort_last_job_at = factory.LazyFunction(timezone.now)


class ProtectedItemFactory(DjangoModelFactory):
    class Meta:
        model = ProtectedItem

    class Params:
        tenant = factory.SubFactory(TenantFactory)

    device = factory.SubFactory(DeviceFactory, tenant=factory.SelfAttribute("..tenant"))
    profile = factory.SelfAttribute("device.profile")
    placement = factory.SelfAttribute("device.placement")
    server = factory.SelfAttribute("device.server")
    guid = factory.Sequence(lambda n: f"item-{n}")
    name = factory.Sequence(lambda n: f"Files {n}")
    engine = "engine1/file"


class StorageVaultFactory(DjangoModelFactory):
    class Meta:
        model = StorageVault

    class Params:
        tenant = factory.SubFactory(TenantFactory)

    profile = factory.SubFactory(UserProfileFactory, tenant=factory.SelfAttribute("..tenant"))
    placement = factory.SelfAttribute("profile.placement")
    server = factory.SelfAttribute("profile.server")
    guid = factory.Sequence(lambda n: f"vault-{n}")
    name = factory.Sequence(lambda n: f"Vault {n}")


class JobFactory(DjangoModelFactory):
    """A backup that succeeded an hour ago; `tenant=` or `device=` places it."""

    class Meta:
        model = Job

    class Params:
        tenant = factory.SubFactory(TenantFactory)

    device = factory.SubFactory(DeviceFactory, tenant=factory.SelfAttribute("..tenant"))
    profile = factory.SelfAttribute("device.profile")
    placement = factory.SelfAttribute("device.placement")
    server = factory.SelfAttribute("device.server")
    username = factory.SelfAttribute("profile.username")
    device_name = factory.SelfAttribute("device.name")
    guid = factory.Sequence(lambda n: f"job-{n}")
    classification = 4001
    status = 5000
    state = "succeeded"
    started_at = factory.LazyFunction(lambda: timezone.now() - timedelta(hours=1))
    ended_at = factory.LazyAttribute(lambda job: job.started_at + timedelta(minutes=4))


class PlacementHourFactory(DjangoModelFactory):
    class Meta:
        model = PlacementHour

    placement = factory.SubFactory(PlacementFactory)
    hour = factory.LazyFunction(lambda: timezone.now().replace(minute=0, second=0, microsecond=0))


class DeviceDayFactory(DjangoModelFactory):
    class Meta:
        model = DeviceDay

    device = factory.SubFactory(DeviceFactory)
    day = factory.LazyFunction(lambda: timezone.now().date())


class OperationFactory(DjangoModelFactory):
    class Meta:
        model = Operation

    kind = "server.sync"
    title = factory.Sequence(lambda n: f"Operation {n}")
    tenant = factory.SubFactory(TenantFactory)


class OperationItemFactory(DjangoModelFactory):
    class Meta:
        model = OperationItem

    operation = factory.SubFactory(OperationFactory)
    tenant = factory.SelfAttribute("operation.tenant")
    target_type = "server"
    target_id = factory.Sequence(lambda n: n)
    label = factory.Sequence(lambda n: f"Target {n}")


class EventFactory(DjangoModelFactory):
    class Meta:
        model = Event

    class Params:
        tenant = factory.SubFactory(TenantFactory)

    placement = factory.SubFactory(PlacementFactory, tenant=factory.SelfAttribute("..tenant"))
    server = factory.SelfAttribute("placement.server")
    received_at = factory.LazyFunction(timezone.now)
    happened_at = factory.SelfAttribute("received_at")
    type = 4201
    type_string = "SEVT_JOB_COMPLETED"
    summary = factory.Sequence(lambda n: f"Event {n}")


class SetAsideFactory(DjangoModelFactory):
    class Meta:
        model = SetAside

    event = factory.SubFactory(EventFactory, problem="It could not be applied.")
    server = factory.SelfAttribute("event.server")
    set_aside_at = factory.SelfAttribute("event.received_at")
    reason = factory.SelfAttribute("event.problem")
    told = factory.LazyFunction(lambda: {"Type": 4201, "Data": {"GUID": "j1"}})


class EntryFactory(DjangoModelFactory):
    class Meta:
        model = Entry

    at = factory.LazyFunction(timezone.now)
    action = "server.link"
    phase = Entry.Phase.BEGUN
    tenant = factory.SubFactory(TenantFactory)
    actor_label = "Person <person@example.com>"


class LaunchFactory(DjangoModelFactory):
    class Meta:
        model = Launch

    kind = Launch.Kind.SERVER_ADMIN
    tenant = factory.SubFactory(TenantFactory)
    server = factory.SubFactory(CometServerFactory)
    user = factory.SubFactory(UserFactory)
    portal_session = "of a test"
    reason = "A test"
    comet_username = "admin"
    api_url = factory.SelfAttribute("server.api_url")
    expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(minutes=30))


class ChangeFactory(DjangoModelFactory):
    class Meta:
        model = Change

    made_by_label = "Person <person@example.com>"


class MoveFactory(DjangoModelFactory):
    """An organization that was placed, and has gone from its server since."""

    class Meta:
        model = Move

    change = factory.SubFactory(ChangeFactory)
    server = factory.SubFactory(CometServerFactory)
    organization_id = factory.Sequence(lambda n: f"moved-org-{n}")
    label = factory.Sequence(lambda n: f"Organization {n}")
    tenant_before = factory.SelfAttribute("server.tenant")
    tenant_after = factory.SelfAttribute("server.tenant")


class AlertFactory(DjangoModelFactory):
    """An open alert of a Protected Item that failed; `tenant=` or `item=` places it."""

    class Meta:
        model = Alert

    class Params:
        tenant = factory.SubFactory(TenantFactory)

    item = factory.SubFactory(ProtectedItemFactory, tenant=factory.SelfAttribute("..tenant"))
    kind = Alert.Kind.ITEM
    server = factory.SelfAttribute("item.server")
    placement = factory.SelfAttribute("item.placement")
    profile = factory.SelfAttribute("item.profile")
    label = factory.LazyAttribute(lambda alert: f"{alert.item.device.name}: {alert.item.name}")
    is_open = True
    cause = "failed"
    message = "Disk full"
    opened_at = factory.LazyFunction(timezone.now)
    openings_count = 1
