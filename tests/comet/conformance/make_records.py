"""How the parameters are made of methods about policies, groups, quotas, buckets and sources."""

import json

from tests.comet.conformance.world import (
    Wire,
    World,
    document,
    given,
)


@given("AdminPoliciesGet", "AdminPoliciesDelete")
def a_policy(world: World) -> Wire:
    return {"PolicyID": world.policy()}


@given("AdminPoliciesNew")
def new_policy(world: World) -> Wire:
    return {"Policy": document("GroupPolicy", Description="New")}


@given("AdminPoliciesSet")
def set_policy(world: World) -> Wire:
    guid = world.policy()
    held = world.call("admin/policies/get", PolicyID=guid)
    return {"PolicyID": guid, "Policy": json.dumps(held["Policy"]), "CheckPolicyHash": held["PolicyHash"]}


@given("AdminPoliciesList", "AdminPoliciesListFull", "AdminUserGroupsList", "AdminUserGroupsListFull")
def of_organization(world: World) -> Wire:
    return {"TargetOrganization": world.organization()}


@given("AdminRequestStorageVaultProviders")
def of_top_level(world: World) -> Wire:
    return {}


@given("AdminUserGroupsGet")
def a_group(world: World) -> Wire:
    guid = world.group()
    members = json.dumps([world.user()])
    world.call("admin/user-groups/set-users-for-group", GroupID=guid, Users=members)
    return {"GroupID": guid, "IncludeUsers": "true"}


@given("AdminUserGroupsDelete")
def old_group(world: World) -> Wire:
    return {"GroupID": world.group()}


@given("AdminUserGroupsNew")
def new_group(world: World) -> Wire:
    return {"Name": "Group"}


@given("AdminUserGroupsSet")
def set_group(world: World) -> Wire:
    return {"GroupID": world.group(), "Group": document("UserGroup", Name="Renamed")}


@given("AdminUserGroupsSetUsersForGroup")
def group_users(world: World) -> Wire:
    return {"GroupID": world.group(), "Users": json.dumps([world.user()])}


@given("AdminSquotaGetWithHash", "AdminSquotaDelete")
def a_quota(world: World) -> Wire:
    return {"SharedStorageQuotaID": world.quota()}


@given("AdminSquotaSetWithHash")
def set_quota(world: World) -> Wire:
    guid = world.quota()
    held = world.call("admin/squota/get-with-hash", SharedStorageQuotaID=guid)
    changed = json.dumps({**held["SharedStorageQuota"], "LimitBytes": 7})
    check = held["SharedStorageQuotaHash"]
    return {"SharedStorageQuotaID": guid, "SharedStorageQuota": changed, "CheckHash": check}


@given("AdminStorageBucketProperties", "AdminStorageDeleteBucket", "AdminStorageFreeSpace")
def a_bucket(world: World) -> Wire:
    return {"BucketID": world.bucket()}


@given("AdminStorageRegisterBucket")
def new_bucket(world: World) -> Wire:
    return {}


@given("AdminStoragePingDestination")
def ping(world: World) -> Wire:
    return {"ExtraData": document("DestinationLocation", DestinationType=1002)}


@given("AdminUpdateCampaignStart")
def campaign(world: World) -> Wire:
    return {"Options": document("UpdateCampaignOptions", Active=True, UpgradeOlder=True)}


@given("AdminExternalAuthSourcesNew")
def new_source(world: World) -> Wire:
    return {"Source": document("ExternalAuthenticationSource", Type="ldap", Description="Directory")}


@given("AdminExternalAuthSourcesDelete")
def old_source(world: World) -> Wire:
    return {"SourceID": world.call("admin/external-auth-sources/new", **new_source(world))["ID"]}
