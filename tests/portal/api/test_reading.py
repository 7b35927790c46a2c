"""What the API hands out: rows of the token's tenants, page by page, and words for what cannot be asked."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core import signing
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.accounts.token_text import new_token
from portal.core.states import State
from tests.cast import Person, person
from tests.cast import script as script_of
from tests.factories import (
    ApiTokenFactory,
    CometServerFactory,
    DeviceFactory,
    JobFactory,
    PlacementFactory,
    TenantFactory,
)

pytestmark = pytest.mark.django_db

LISTS = ("servers", "devices", "jobs")


def ask(client, path, **query):
    return client.get(f"/api/v1/{path}", query)


def data(client, path, **query):
    response = ask(client, path, **query)
    assert response.status_code == 200, response.content
    return response.json()["data"]


def ids(client, path, **query):
    return [row["id"] for row in data(client, path, **query)]


def problem(response):
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == response.status_code
    assert body["detail"]
    assert body["next"]
    return body


@pytest.fixture
def script(reseller: Person):
    return reseller.script()


class TestRows:
    def test_a_server_without_anything_secret(self, reseller, script):
        server = CometServerFactory(
            tenant=reseller.tenant, version="25.9.7", device_limit=0, clock_drift_ms=40
        )
        (row,) = data(script, "servers")
        assert row["tenant"] == {"id": reseller.tenant.pk, "name": reseller.tenant.name}
        assert (row["id"], row["version"], row["device_limit"]) == (server.pk, "25.9.7", None)
        assert row["linked_at"] == server.linked_at.isoformat().replace("+00:00", "Z")
        assert not {"password", "session_key", "admin_username", "license_hash"} & row.keys()
        assert ask(script, f"servers/{server.pk}").json() == row

    def test_a_device(self, reseller, script):
        device = DeviceFactory(tenant=reseller.tenant, connections=2, item_count=3, state="failed")
        (row,) = data(script, "devices")
        assert row["user"] == {"id": device.profile_id, "username": device.profile.username}
        assert (row["is_online"], row["protected_items"], row["state"]) == (True, 3, "failed")
        assert ask(script, f"devices/{device.pk}").json() == row

    def test_a_job_with_times_and_units(self, reseller, script):
        began = datetime(2026, 11, 21, 6, tzinfo=UTC)
        job = JobFactory(tenant=reseller.tenant, started_at=began, size_bytes=2**40, upload_bytes=2**33)
        (row,) = data(script, "jobs")
        assert (row["started_at"], row["ended_at"]) == ("2026-11-21T06:00:00Z", "2026-11-21T06:04:00Z")
        assert (row["duration_seconds"], row["size_bytes"], row["upload_bytes"]) == (240.0, 2**40, 2**33)
        assert (row["kind"], row["status"], row["progress"]) == ("Backup", "Succeeded", None)
        assert ask(script, f"jobs/{job.pk}").json() == row

    def test_a_job_that_runs_tells_how_far_it_is(self, reseller, script):
        JobFactory(tenant=reseller.tenant, status=6001, state="running", ended_at=None, progress_items=7)
        (row,) = data(script, "jobs")
        assert (row["ended_at"], row["duration_seconds"], row["progress"]["items"]) == (None, None, 7)

    def test_a_job_whose_device_is_gone_keeps_its_names(self, reseller, script):
        job = JobFactory(tenant=reseller.tenant)
        job.device.delete()
        (row,) = data(script, "jobs")
        assert row["device"] == {"id": None, "name": job.device_name}

    def test_every_state_a_row_can_hold_is_handed_out(self, reseller, script):
        for state in State:
            JobFactory(tenant=reseller.tenant, state=state.value)
        assert {row["state"] for row in data(script, "jobs")} == {state.value for state in State}


class TestScope:
    @pytest.mark.parametrize("path", LISTS)
    def test_rows_of_other_tenants_are_neither_listed_nor_found(self, path, reseller, outsider, script):
        server = CometServerFactory(tenant=outsider.tenant)
        device = DeviceFactory(tenant=outsider.tenant)
        job = JobFactory(device=device)
        found = {"servers": server, "devices": device, "jobs": job}[path]
        assert ids(script, path) == []
        assert problem(ask(script, f"{path}/{found.pk}"))["type"] == "urn:perihelion:problem:not-found"
        assert ids(outsider.script(), path) == [found.pk]

    @pytest.mark.parametrize("path", LISTS)
    def test_filters_open_nothing(self, path, reseller, outsider, script):
        job = JobFactory(tenant=outsider.tenant)
        CometServerFactory(tenant=outsider.tenant)
        assert ids(script, path, tenant=outsider.tenant.pk) == []
        if path != "servers":
            assert ids(script, path, server=job.server_id) == []
        if path == "jobs":
            assert ids(script, path, device=job.device_id) == []

    def test_a_tenants_token_sees_its_subtree(self, reseller, customer, outsider):
        own, below = JobFactory(tenant=reseller.tenant), JobFactory(tenant=customer.tenant)
        JobFactory(tenant=outsider.tenant)

        text = new_token()
        ApiTokenFactory(owner=None, tenant=reseller.tenant, text=text)
        assert set(ids(script_of(text), "jobs")) == {own.pk, below.pk}


class TestFilters:
    def test_jobs(self, provider):
        reseller = TenantFactory(name="A reseller")
        below = TenantFactory(parent=reseller)
        at = datetime(2026, 11, 20, 12, tzinfo=UTC)
        jobs = [
            JobFactory(tenant=reseller, started_at=at),
            JobFactory(tenant=below, started_at=at + timedelta(hours=1), state="failed", status=7002),
            JobFactory(started_at=at + timedelta(hours=2)),
        ]
        client = provider.script()
        pks = [job.pk for job in jobs]
        assert ids(client, "jobs") == pks[::-1]
        assert ids(client, "jobs", state="failed") == [pks[1]]
        assert ids(client, "jobs", tenant=reseller.pk) == [pks[1], pks[0]]
        assert ids(client, "jobs", tenant=below.pk) == [pks[1]]
        assert ids(client, "jobs", tenant=10**12) == []
        assert ids(client, "jobs", server=jobs[2].server_id) == [pks[2]]
        assert ids(client, "jobs", device=jobs[0].device_id) == [pks[0]]
        assert ids(client, "jobs", since="2026-11-20T13:00:00Z") == [pks[2], pks[1]]
        assert ids(client, "jobs", until="2026-11-20T13:00:00Z") == [pks[0]]
        assert ids(client, "jobs", since="2026-11-20T15:00:00+02:00", until="2026-11-20T14:00:00Z") == [
            pks[1]
        ]

    def test_times_at_the_ends_of_the_calendar(self, reseller, script):
        job = JobFactory(tenant=reseller.tenant)
        first, last = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"
        assert ids(script, "jobs", since=first, until=last) == [job.pk]
        assert ids(script, "jobs", since=last) == ids(script, "jobs", until=first) == []

    def test_devices_and_servers(self, provider):
        tenant = TenantFactory()
        server = CometServerFactory(tenant=tenant)
        placement = PlacementFactory(server=server, tenant=tenant)
        online = DeviceFactory(profile__placement=placement, connections=1, state="failed")
        DeviceFactory(tenant=TenantFactory(), connections=0)
        client = provider.script()
        for query in ({"online": "true"}, {"state": "failed"}, {"server": server.pk}, {"tenant": tenant.pk}):
            assert ids(client, "devices", **query) == [online.pk]
        assert online.pk not in ids(client, "devices", online="false")
        assert ids(client, "servers", tenant=tenant.pk) == [server.pk]


class TestPages:
    def test_every_row_comes_once_whatever_happens_in_between(self, reseller, script):
        at = timezone.now()
        device = DeviceFactory(tenant=reseller.tenant)
        jobs = [JobFactory(device=device, started_at=at - timedelta(minutes=n // 3)) for n in range(10)]
        seen, cursor = [], {}
        while True:
            page = ask(script, "jobs", limit=4, **cursor).json()
            seen += [row["id"] for row in page["data"]]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
            JobFactory(device=device, started_at=at + timedelta(hours=1))
        assert sorted(seen) == sorted(job.pk for job in jobs)
        assert len(seen) == len(set(seen)) == 10

    @pytest.mark.parametrize(("path", "make"), [("servers", CometServerFactory), ("devices", DeviceFactory)])
    def test_lists_by_id(self, path, make, reseller, script):
        made = [make(tenant=reseller.tenant).pk for _ in range(5)]
        first = ask(script, path, limit=3).json()
        rest = ask(script, path, limit=3, cursor=first["next_cursor"]).json()
        assert [row["id"] for row in first["data"] + rest["data"]] == made
        assert rest["next_cursor"] is None

    def test_a_cursor_of_another_list_is_refused(self, reseller, script):
        JobFactory.create_batch(2, tenant=reseller.tenant)
        cursor = ask(script, "jobs", limit=1).json()["next_cursor"]
        body = problem(ask(script, "devices", cursor=cursor))
        assert body["parameter"] == "cursor"
        assert "given by another list" in body["detail"]

    @pytest.mark.parametrize(
        "cursor",
        [
            "x",
            "WzEsMl0",
            "a" * 401,
            "é",
            "\x00",
            signing.Signer(salt="something else").sign_object([None, 1]),
        ],
    )
    def test_a_made_up_cursor_is_refused(self, cursor, script):
        assert problem(ask(script, "jobs", cursor=cursor))["parameter"] == "cursor"

    @pytest.mark.parametrize("path", LISTS)
    def test_a_page_costs_the_same_for_3_rows_as_for_100(self, path, reseller, script):
        counts = []
        for more in (3, 97):
            JobFactory.create_batch(more, tenant=reseller.tenant)
            CometServerFactory.create_batch(more, tenant=reseller.tenant)
            ask(script, path)  # the first use is noted
            with CaptureQueriesContext(connection) as queries:
                ask(script, path, limit=100)
            counts.append(len(queries))
        assert counts == [3, 3]  # the token, what it may do, the rows


class TestBadQueries:
    @pytest.mark.parametrize(
        ("query", "parameter", "said"),
        [
            ({"limit": "0"}, "limit", "a whole number >= 1"),
            ({"limit": "501"}, "limit", "a whole number <= 500"),
            ({"limit": "many"}, "limit", "expected a whole number"),
            ({"limit": "1e3"}, "limit", "whole number"),
            ({"limit": ""}, "limit", "without a value"),
            ({"device": "null"}, "device", "without a value"),
            ({"device": "9" * 30}, "device", "<="),
            ({"server": "-1"}, "server", ">= 1"),
            ({"state": "great"}, "state", "there is no state 'great'"),
            ({"since": "yesterday"}, "since", "no time as RFC 3339"),
            ({"since": "2026-02-30T00:00:00Z"}, "since", "no time as RFC 3339"),
            ({"since": "2026-11-21"}, "since", "no time as RFC 3339"),
            ({"since": "2026-11-21T06:00:00"}, "since", "with its offset"),
            ({"until": "2026-11-21T06:00:00 01:00"}, "until", "no time as RFC 3339"),
            ({"stat": "failed"}, "stat", "no parameter"),
            ({"limit": ["1", "2"]}, "limit", "sent 2 times"),
            ({"x" * 5000: "1"}, "x" * 100, "no parameter"),
        ],
    )
    def test_what_cannot_be_asked_is_told(self, script, query, parameter, said):
        response = ask(script, "jobs", **query)
        assert response.status_code == 400
        body = problem(response)
        assert body["parameter"] == parameter
        assert said in body["detail"]

    def test_one_row_takes_no_parameters(self, reseller, script):
        job = JobFactory(tenant=reseller.tenant)
        assert problem(ask(script, f"jobs/{job.pk}", limit=1))["parameter"] == "limit"

    def test_a_number_no_row_can_have_is_not_found(self, script):
        assert problem(ask(script, "jobs/" + "9" * 30))["status"] == 404


class TestHttp:
    def test_an_answer_that_has_not_changed_is_not_sent_again(self, reseller, script):
        job = JobFactory(tenant=reseller.tenant)
        JobFactory.create_batch(2, tenant=reseller.tenant)
        first = ask(script, "jobs", limit=2)
        assert first["Cache-Control"] == "private, no-cache"
        assert "Authorization" in first["Vary"]
        again = script.get("/api/v1/jobs?limit=2", headers={"If-None-Match": first["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        type(job).objects.update(state="failed")
        assert script.get("/api/v1/jobs?limit=2", headers={"If-None-Match": first["ETag"]}).status_code == 200

    def test_long_answers_are_packed(self, reseller, script):
        JobFactory.create_batch(5, tenant=reseller.tenant)
        packed = script.get("/api/v1/jobs", headers={"Accept-Encoding": "gzip"})
        assert packed["Content-Encoding"] == "gzip"
        assert len(packed.content) < len(ask(script, "jobs").content) / 2
        again = {"Accept-Encoding": "gzip", "If-None-Match": packed["ETag"]}
        assert script.get("/api/v1/jobs", headers=again).status_code == 304

    def test_no_other_origin_may_read(self, script):
        response = script.get("/api/v1/jobs", headers={"Origin": "https://elsewhere.example.com"})
        assert not [name for name in response.headers if name.lower().startswith("access-control")]
        asked = {"Origin": "https://elsewhere.example.com", "Access-Control-Request-Method": "GET"}
        assert script.options("/api/v1/jobs", headers=asked).status_code == 405

    @pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options"])
    def test_the_api_only_reads(self, method, script):
        response = getattr(script, method)("/api/v1/jobs")
        assert response.status_code == 405
        assert response["Allow"] == "GET, HEAD"
        assert "Use GET" in problem(response)["next"]

    def test_head_is_answered_without_a_body(self, script):
        response = script.head("/api/v1/jobs")
        assert (response.status_code, response.content) == (200, b"")

    def test_other_addresses_are_told_in_the_same_words(self, script):
        for path in ("", "nothing", "jobs/", "jobs/x"):
            assert problem(ask(script, path))["status"] == 404

    def test_a_failure_of_the_portal_is_told_in_the_same_words(self, reseller, script):
        job = JobFactory(tenant=reseller.tenant)
        type(job).objects.update(state="tomorrow")
        response = ask(script, "jobs")
        assert response.status_code == 500
        assert "portal failed" in problem(response)["detail"]

    def test_answers_are_json_that_others_read_alike(self, reseller, script):
        JobFactory(tenant=reseller.tenant, device_name="Büro “1” </script>\u2028")
        assert json.loads(ask(script, "jobs").content)["data"][0]["device"]["name"].startswith("Büro")


def test_without_server_view_the_servers_are_refused_and_jobs_still_name_theirs():
    viewer = person(TenantFactory(), "viewer")
    job = JobFactory(tenant=viewer.tenant)
    client = viewer.script()
    assert ask(client, "servers").status_code == 403
    assert data(client, "jobs")[0]["server"]["name"] == job.server.name
