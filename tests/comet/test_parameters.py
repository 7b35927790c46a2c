"""Wrong parameters fail before any request, naming method and parameter."""

import pytest

import comet
from comet.constants import SearchClauseType
from comet.types import BackupRuleConfig, SearchClause, SourceConfig, UserProfileConfig


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda c: c.admin_get_jobs_for_date_range(start="1", end=2), ("AdminGetJobsForDateRange", "Start")),
        (lambda c: c.admin_get_jobs_for_date_range(start=1.5, end=2), ("AdminGetJobsForDateRange", "Start")),
        (lambda c: c.admin_get_jobs_for_date_range(start=1, end=None), ("AdminGetJobsForDateRange", "End")),
        (lambda c: c.admin_get_user_profile(target_user=7), ("AdminGetUserProfile", "TargetUser")),
        (lambda c: c.admin_get_user_profile(target_user="\ud800"), ("AdminGetUserProfile", "TargetUser")),
        (lambda c: c.admin_meta_stats(simple="yes"), ("AdminMetaStats", "Simple")),
        (lambda c: c.admin_meta_resource_new(upload="text"), ("AdminMetaResourceNew", "upload")),
        (
            lambda c: c.admin_set_user_profile(target_user="bob", profile_data=SourceConfig(engine=5)),
            ("AdminSetUserProfile", "ProfileData"),
        ),
        (
            lambda c: c.admin_set_user_profile(
                target_user="bob", profile_data=UserProfileConfig(sources={"a": SourceConfig(engine=5)})
            ),
            ("AdminSetUserProfile", "ProfileData", "$.Sources[...].Engine"),
        ),
        (
            lambda c: c.admin_set_user_profile(target_user="bob", profile_data=object()),
            ("AdminSetUserProfile", "ProfileData"),
        ),
        (
            lambda c: c.admin_set_protected_item_with_backup_rules(
                target_user="bob",
                source_id="s",
                source=SourceConfig(),
                backup_rules=[BackupRuleConfig()],
            ),
            ("AdminSetProtectedItemWithBackupRules", "BackupRules"),
        ),
        (lambda c: c.call("AdminGetUserProfile", TargetUser=7), ("AdminGetUserProfile", "TargetUser")),
        (lambda c: c.call("AdminGetUserProfile", User="bob"), ("AdminGetUserProfile", "User")),
        (lambda c: c.call("AdminGetUserProfile"), ("AdminGetUserProfile", "target_user")),
        (lambda c: c.call_elements("AdminGetJobsForDateRange", Start=1), ("AdminGetJobsForDateRange", "end")),
    ],
)
def test_a_wrong_parameter_is_named_and_nothing_is_sent(server, make, named):
    with pytest.raises(comet.BadParameter) as caught:
        make(server.client())
    assert all(name in str(caught.value) for name in named)
    assert server.requests == []


def test_a_name_the_method_does_not_have_is_pythons_own_error(server):
    with pytest.raises(TypeError, match=r"admin_get_user_profile.*'user'"):
        server.client().admin_get_user_profile(user="bob")
    with pytest.raises(TypeError, match=r"admin_get_user_profile.*'target_user'"):
        server.client().admin_get_user_profile()
    assert server.requests == []


def test_no_value_of_a_parameter_is_in_the_error(server):
    with pytest.raises(comet.BadParameter) as caught:
        server.client().admin_add_user(target_user="bob", target_password=b"hush hush")
    assert "hush" not in str(caught.value)


def test_constants_dicts_and_subclasses_are_taken(server):
    server.answers("admin/count-jobs-for-custom-search", {"Count": 1})
    client = server.client()

    client.admin_count_jobs_for_custom_search(query=SearchClause(clause_type=SearchClauseType.AND))
    client.call("AdminCountJobsForCustomSearch", Query={"ClauseType": "and", "NewField": 1})

    assert [request.form["Query"] for request in server.requests] == [
        '{"ClauseType":"and"}',
        '{"ClauseType":"and","NewField":1}',
    ]


def test_a_path_of_ones_own_lets_new_parameters_through(server):
    server.answers("admin/get-user-profile", {"Username": "bob"})
    server.client().call("AdminGetUserProfile", path="/api/v1/admin/get-user-profile", Brand="new")
    assert server.requests[0].form["Brand"] == "new"
