"""What a call sends, and what it makes of the answer."""

import gzip
import hashlib
import json
import logging

import pytest

import comet
from comet import Password, SessionKey
from comet.constants import SearchClauseType, SearchOperator
from comet.types import BackupJobDetail, OSInfo, SearchClause, UserProfileConfig
from tests.comet.scripted_server import reply


def test_a_call_is_a_form_with_the_credential_in_it(server):
    server.answers("admin/get-jobs-for-date-range", [{"GUID": "j1", "Status": 5000}])

    jobs = server.client().admin_get_jobs_for_date_range(start=10, end=20)

    assert jobs == [BackupJobDetail(guid="j1", status=5000)]
    assert server.requests[0].form == {
        "Username": "admin",
        "AuthType": "Password",
        "Password": "long and secret",
        "Start": "10",
        "End": "20",
    }


def test_structures_are_sent_as_json_and_absent_options_are_left_out(server):
    server.answers("admin/count-jobs-for-custom-search", {"Count": 3})
    rule = SearchClause(
        clause_type=SearchClauseType.RULE,
        rule_field="BackupJobDetail.Status",
        rule_operator=SearchOperator.INT_EQ,
        rule_value="5000",
    )
    query = SearchClause(clause_type=SearchClauseType.AND, clause_children=[rule])

    assert server.client().admin_count_jobs_for_custom_search(query=query).count == 3
    assert json.loads(server.requests[0].form["Query"]) == {
        "ClauseType": "and",
        "ClauseChildren": [
            {
                "ClauseType": "",
                "RuleField": "BackupJobDetail.Status",
                "RuleOperator": "int_eq",
                "RuleValue": "5000",
            }
        ],
    }


def test_an_empty_map_and_an_empty_list_are_sent_as_such(server):
    server.answers("admin/meta/webhook-options/set", {"Status": 200, "Message": "OK"})
    server.answers("admin/meta/psa-config-list/set", {"Status": 200, "Message": "OK"})

    server.client().admin_meta_webhook_options_set(webhook_options={})
    server.client().admin_meta_psa_config_list_set(psa_config_list=[])

    assert server.requests[0].form["WebhookOptions"] == "{}"
    assert server.requests[1].form["PSAConfigList"] == "[]"


def test_truth_is_sent_as_one_and_nought(server):
    server.answers("admin/meta/stats", {})
    server.client().admin_meta_stats(simple=False)
    assert server.requests[0].form["Simple"] == "0"


def test_the_host_header_names_the_organization(server):
    server.answers("admin/meta/version", {"Version": "25.9.8"})

    server.client(host="acme.example").admin_meta_version()

    assert server.requests[0].headers["Host"] == "acme.example"


def test_the_servers_own_address_is_filled_in(server):
    server.answers("admin/account/session-start", {"Status": 200, "Message": "OK", "SessionKey": "k"})

    assert server.client().admin_account_session_start().session_key == "k"
    assert server.requests[0].form["SelfAddress"] == server.url


def test_a_null_list_or_map_is_empty(server):
    server.answers("admin/get-jobs-recent", b"null")
    server.answers("admin/list-users-full", b" null")

    assert server.client().admin_get_jobs_recent() == []
    assert server.client().admin_list_users_full() == {}


def test_map_keys_that_are_numbers_become_numbers(server):
    server.answers("admin/branding/available-platforms", {"7": {"Description": "Windows"}})
    assert server.client().admin_branding_available_platforms()[7].description == "Windows"


def test_a_compressed_answer_is_read(server):
    body = gzip.compress(b'{"bob": {"Username": "bob"}}')
    server.answers("admin/list-users-full", body, headers={"Content-Encoding": "gzip"})

    assert server.client().admin_list_users_full() == {"bob": UserProfileConfig(username="bob")}
    assert server.requests[0].headers["Accept-Encoding"] == "gzip"


def test_text_and_bytes_come_as_they_are(server):
    server.answers("admin/get-job-log", "Zeile 1 \u00e4\n")
    server.answers("admin/meta/read-all-logs", b"PK\x00\xff")

    assert server.client().admin_get_job_log(job_id="j") == "Zeile 1 \u00e4\n"
    assert server.client().admin_meta_read_all_logs() == b"PK\x00\xff"


def test_an_upload_carries_the_credential_in_headers(server):
    server.answers("admin/meta/resource/new", {"Status": 200, "Message": "OK", "ResourceHash": "h"})

    answer = server.client().admin_meta_resource_new(upload=b"\x89PNG")

    request = server.requests[0]
    assert answer.resource_hash == "h"
    assert request.headers["X-Comet-Admin-Username"] == "admin"
    assert request.headers["X-Comet-Admin-Password"] == "long and secret"
    assert request.headers["Content-Type"].startswith("multipart/form-data")
    assert b'name="upload"' in request.body
    assert b"\x89PNG" in request.body
    assert server.client().call("AdminMetaResourceNew", upload=b"\x89PNG")["ResourceHash"] == "h"
    assert b"\x89PNG" in server.requests[1].body


def test_branding_is_asked_without_a_credential(server):
    server.replies["/gen/branding.props"] = reply({"BrandName": "Acme", "ExpiredInSeconds": 1800})

    assert server.client().branding_props().expired_in_seconds == 1800
    assert server.requests[0].body == b""


def test_any_method_can_be_called_by_comets_name(server):
    server.answers("admin/get-user-profile", {"Username": "bob", "NewField": {"x": 1}})
    server.answers("admin/brand/new", {"Answer": 42})
    client = server.client()

    assert client.call("AdminGetUserProfile", TargetUser="bob")["NewField"] == {"x": 1}
    assert client.call("AdminBrandNew", path="/api/v1/admin/brand/new", Flag=True) == {"Answer": 42}
    assert server.requests[1].form["Flag"] == "1"
    with pytest.raises(ValueError, match="AdminBrandNew"):
        client.call("AdminBrandNew")


def test_raw_elements_are_the_servers_own_bytes_with_their_digest(server):
    body = b'{"bob": {"Username" : "bob"}, "eve":{"Username":"eve"}}'
    server.answers("admin/list-users-full", body)

    elements = list(server.client().admin_list_users_full_raw())

    assert [element.key for element in elements] == ["bob", "eve"]
    assert bytes(elements[0].raw) == b'{"Username" : "bob"}'
    assert elements[0].digest == hashlib.sha256(b'{"Username" : "bob"}').digest()


def test_raw_jobs_are_keyed_by_position(server):
    server.answers("admin/get-jobs-for-date-range", b'[{"GUID":"a"},{"GUID":"b"}]')

    elements = list(server.client().admin_get_jobs_for_date_range_raw(1, 2))

    assert [(element.key, bytes(element.raw)) for element in elements] == [
        ("0", b'{"GUID":"a"}'),
        ("1", b'{"GUID":"b"}'),
    ]


def test_a_raw_read_knows_an_error_a_page_and_null(server):
    client = server.client()
    server.answers("admin/list-users-full", {"Status": 403, "Message": "no"})
    with pytest.raises(comet.Forbidden):
        client.admin_list_users_full_raw()
    server.answers("admin/list-users-full", b"<html></html>")
    with pytest.raises(comet.NotComet):
        client.admin_list_users_full_raw()
    server.answers("admin/list-users-full", b'{"bob": {"Us')
    with pytest.raises(comet.NotJSON):
        client.admin_list_users_full_raw()
    server.answers("admin/list-users-full", b"null")
    assert list(client.admin_list_users_full_raw()) == []


def test_users_named_like_an_error_are_still_users(server):
    server.answers(
        "admin/list-users-full", {"Status": {"Username": "Status"}, "Message": {"Username": "Message"}}
    )

    assert set(server.client().admin_list_users_full()) == {"Status", "Message"}
    assert {element.key for element in server.client().admin_list_users_full_raw()} == {"Status", "Message"}


def test_each_call_is_reported_without_secrets(server):
    server.answers("admin/meta/version", {"Version": "25.9.8"})
    server.answers("admin/list-users", {"Status": 403, "Message": "no"})
    calls = []
    client = server.client(on_call=lambda *call: calls.append(call))

    client.admin_meta_version()
    with pytest.raises(comet.Forbidden):
        client.admin_list_users()

    assert [(method, outcome) for method, _, outcome, _ in calls] == [
        ("AdminMetaVersion", "ok"),
        ("AdminListUsers", "Forbidden"),
    ]
    assert calls[0][1] > 0
    assert calls[0][3] == len('{"Version": "25.9.8"}')


def test_no_secret_shows_in_repr_error_or_log(server, caplog):
    caplog.set_level(logging.DEBUG)
    server.answers("admin/list-users", {"Status": 403, "Message": "no"})
    secret = "long and secret"
    shown = [repr(Password("admin", secret)), repr(SessionKey("admin", secret)), repr(server.client())]
    shown.append(repr(comet.PasswordTOTP("admin", secret, secret)))
    with pytest.raises(comet.Forbidden) as caught:
        server.client().admin_list_users()

    shown += [repr(caught.value), str(caught.value), caplog.text]
    assert secret not in "".join(shown)
    assert "long+and" not in "".join(shown)


def test_connections_are_reused(server):
    server.answers("admin/meta/version", {"Version": "25.9.8"})
    dialled = []
    client = server.client(address_guard=lambda ip, port: dialled.append(port))

    client.admin_meta_version()
    client.admin_meta_version()

    assert len(dialled) == 1


def test_a_closed_client_connects_anew(server):
    server.answers("admin/meta/version", {"Version": "25.9.8"})
    dialled = []
    client = server.client(address_guard=lambda ip, port: dialled.append(port))

    client.admin_meta_version()
    client.close()
    client.close()
    client.admin_meta_version()

    assert len(dialled) == 2


def test_limits_can_be_changed_for_some_calls(server):
    server.answers("admin/meta/version", {"Version": "25.9.8"})
    client = server.client()

    with pytest.raises(comet.BodyTooLarge):
        client.with_limits(max_body_bytes=5).admin_meta_version()
    assert client.admin_meta_version().version == "25.9.8"


def test_unknown_fields_are_no_reason_to_fail(server):
    server.answers("admin/get-user-profile", {"Username": "bob", "Novelty": [1, {"a": None}]})
    assert server.client().admin_get_user_profile(target_user="bob").username == "bob"


def test_structures_compare_by_value():
    assert OSInfo(os="linux") == OSInfo(os="linux")
    assert OSInfo(os="linux") != OSInfo(os="darwin")
