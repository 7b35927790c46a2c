"""Who is let in by the API: by token alone, while it is worth something, and within the limits."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from portal.accounts.access import access_for
from portal.accounts.models import ApiToken
from portal.accounts.token_text import new_token
from portal.api import limits
from portal.api.urls import urlpatterns
from portal.audit.models import Entry, Repeat
from portal.tenants.suspension import suspend_tenant
from tests.cast import script
from tests.factories import ApiTokenFactory, CometServerFactory, DeviceFactory, JobFactory

pytestmark = pytest.mark.django_db

ENDPOINTS = [pattern for pattern in urlpatterns if hasattr(pattern.callback, "endpoint")]


@pytest.fixture
def paths(reseller):
    """Every address of the API, for objects of the reseller."""
    device = DeviceFactory(tenant=reseller.tenant)
    found = {
        "server": CometServerFactory(tenant=reseller.tenant),
        "device": device,
        "job": JobFactory(device=device),
    }
    return [
        "/" + str(one.pattern).replace("<int:id>", str(found[one.name.partition("-")[0]].pk))
        for one in ENDPOINTS
    ]


def statuses(client, paths):
    return {client.get(path).status_code for path in paths}


def made(**fields):
    text = new_token()
    return script(text), ApiTokenFactory(text=text, **fields)


def test_a_token_lets_in_everywhere_and_the_paths_are_all_of_them(reseller, paths):
    assert len(paths) == 6
    assert statuses(reseller.script(), paths) == {200}


def test_nobody_else_is_let_in(reseller, paths, settings):
    settings.API_REFUSALS_A_MINUTE = 1000
    now = timezone.now()
    revoked, _ = made(owner=reseller.user, revoked_at=now)
    expired, _ = made(owner=reseller.user, expires_at=now - timedelta(minutes=2))
    unknown = script(new_token())
    forged = script(new_token()[:-1] + "!")
    long = script("phn_" + "x" * 10_000)
    unicode = script("phn_токен")
    basic = Client(headers={"authorization": "Basic cGhuOnBobg=="})
    for client in (revoked, expired, unknown, forged, long, unicode, basic, Client(), reseller.client()):
        assert statuses(client, paths) == {401}
    answer = expired.get("/api/v1/jobs")
    assert "expired on" in answer.json()["detail"]
    assert answer["WWW-Authenticate"] == 'Bearer realm="Perihelion", error="invalid_token"'
    assert Client().get("/api/v1/jobs")["WWW-Authenticate"] == 'Bearer realm="Perihelion"'


def test_the_scope_is_held_to(reseller, paths):
    for permission in ("server:view", "device:view", "job:view"):
        client = reseller.script(permission)
        noun = permission.partition(":")[0]
        for path in paths:
            expected = 200 if f"/{noun}s" in path else 403
            assert client.get(path).status_code == expected
    refused = reseller.script("job:view").get("/api/v1/devices")
    assert "does not allow device:view" in refused.json()["detail"]
    assert 'error="insufficient_scope"' in refused["WWW-Authenticate"]


def test_a_permission_its_owner_lost_is_told_as_that(reseller):
    client = reseller.script("server:view", "job:view")
    reseller.user.memberships.update(role="viewer")
    assert "does not hold that any more" in client.get("/api/v1/servers").json()["detail"]


def test_a_suspended_tenants_token_and_its_peoples_let_nobody_in(provider, reseller, customer, paths):
    own, (tenants, _) = reseller.script(), made(owner=None, tenant=reseller.tenant)
    assert statuses(tenants, paths) == {200}
    suspend_tenant(reseller.tenant, access=access_for(provider.user), actor=provider.user)
    assert statuses(tenants, paths) == {401}
    assert statuses(own, paths) == {401}
    assert statuses(provider.script(), paths) == {200}


def test_a_session_beside_the_token_changes_nothing(provider, reseller, outsider):
    """Neither who is signed in nor the tenant chosen in the switcher counts."""
    JobFactory(tenant=reseller.tenant)
    client = outsider.client()
    client.post("/tenants/switch/", {"tenant": outsider.tenant.pk})
    text = new_token()
    ApiTokenFactory(owner=reseller.user, text=text)
    response = client.get("/api/v1/jobs", headers={"authorization": f"Bearer {text}"})
    assert len(response.json()["data"]) == 1
    assert not response.cookies


@pytest.mark.parametrize("name", ["token", "access_token", "api_key", "Authorization", "cursor"])
def test_a_token_in_the_address_is_refused_and_said_so(name, reseller, django_assert_num_queries):
    text = new_token()
    ApiTokenFactory(owner=reseller.user, text=text)
    with django_assert_num_queries(0):
        response = script(text).get("/api/v1/jobs", {name: text})
    assert response.status_code == 400
    assert "never sent in the address" in response.json()["detail"]
    assert text not in response.content.decode()


def test_what_cannot_be_a_token_costs_no_query(db, django_assert_num_queries):
    for text in (new_token()[:-2], "phn_" + "a" * 49, "x" * 10_000, "phn_%00"):
        with django_assert_num_queries(0):
            assert script(text).get("/api/v1/jobs").status_code == 401
    with django_assert_num_queries(0):
        assert Client().get("/api/v1/jobs").status_code == 401


def test_use_is_shown_and_a_refused_use_is_audited(reseller):
    client, token = made(owner=reseller.user, name="Grafana")
    client.get("/api/v1/jobs", REMOTE_ADDR="192.0.2.7")
    token.refresh_from_db()
    assert token.last_used_ip == "192.0.2.7"
    entry = Entry.objects.get(action="token.new_address", phase="begun")
    assert (entry.actor, entry.ip_address, entry.object_label) == (reseller.user, "192.0.2.7", "Grafana")
    ApiToken.objects.update(revoked_at=timezone.now())
    for _ in range(3):
        client.get("/api/v1/jobs")
    assert Repeat.objects.get().times == 3
    refused = Entry.objects.get(action="token.refused")
    assert refused.tenant_id == reseller.tenant.pk
    assert "Grafana" in refused.actor_label
    assert "was revoked" in refused.details["reason"]


class TestLimits:
    def test_a_token_has_its_share_of_a_minute(self, reseller, settings):
        settings.API_REQUESTS_A_MINUTE = 3
        client, other = reseller.script(), reseller.script()
        with time_machine.travel(timezone.now().replace(second=10), tick=False) as clock:
            assert [client.get("/api/v1/jobs").status_code for _ in range(4)] == [200, 200, 200, 429]
            refused = client.get("/api/v1/jobs")
            assert refused["Retry-After"] == "50"
            assert "Wait 50 seconds" in refused.json()["next"]
            assert other.get("/api/v1/jobs").status_code == 200
            clock.shift(50)
            assert client.get("/api/v1/jobs").status_code == 200

    def test_an_address_has_its_share_whatever_it_sends(self, reseller, settings):
        settings.API_REQUESTS_A_MINUTE_BY_ADDRESS = 3
        with time_machine.travel(timezone.now().replace(second=10), tick=False):
            for client in (reseller.script(), Client(), reseller.script()):
                assert client.get("/api/v1/jobs").status_code in (200, 401)
            assert reseller.script().get("/api/v1/jobs").status_code == 429
            elsewhere = reseller.script().get("/api/v1/jobs", REMOTE_ADDR="192.0.2.7")
            assert elsewhere.status_code == 200

    def test_who_is_refused_again_and_again_is_not_looked_at(self, settings, django_assert_num_queries):
        settings.API_REFUSALS_A_MINUTE = 2
        with time_machine.travel(timezone.now().replace(second=10), tick=False):
            assert [script(new_token()).get("/api/v1/jobs").status_code for _ in range(2)] == [401, 401]
            with django_assert_num_queries(0):
                assert script(new_token()).get("/api/v1/jobs").status_code == 429

    def test_without_redis_the_api_goes_on(self, reseller, settings):
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        limits._redis.cache_clear()
        try:
            assert reseller.script().get("/api/v1/jobs").status_code == 200
        finally:
            limits._redis.cache_clear()
