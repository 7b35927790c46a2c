"""Policies."""

from typing import Any

from comet.emulator import events
from comet.emulator.call import Call, conflict, done, method
from comet.emulator.errors import bad_request

Wire = dict[str, Any]


@method("AdminPoliciesList")
def policies_list(call: Call) -> dict[str, str]:
    return {guid: policy["Description"] for guid, policy in policies_list_full(call).items()}


@method("AdminPoliciesListFull")
def policies_list_full(call: Call) -> dict[str, Wire]:
    """Those of the caller's organization; for the top level those of all, or of TargetOrganization."""
    return call.server.policies.of(call.scope())


@method("AdminPoliciesGet")
def policies_get(call: Call) -> Wire:
    guid, policy = _policy(call)
    return {**done(), "Policy": policy, "PolicyHash": call.server.policies.hash(guid)}


@method("AdminPoliciesNew")
def policies_new(call: Call) -> Wire:
    guid = call.server.new_guid()
    _write(call, guid, call.document("Policy"), None)
    return {**done(), "PolicyHash": call.server.policies.hash(guid)}


@method("AdminPoliciesSet")
def policies_set(call: Call) -> Wire:
    """Replaces a policy, or creates one of that ID. With CheckPolicyHash only if it is still the same."""
    guid, held = call.text("PolicyID"), call.server.policies.get(call.text("PolicyID"))
    if not guid:
        raise bad_request("A policy needs an ID")
    if held is not None:
        _policy(call)
    wanted = call.text("CheckPolicyHash")
    if wanted and (held is None or wanted != call.server.policies.hash(guid)):
        raise conflict(call, "The policy has changed since it was read")
    _write(call, guid, call.document("Policy"), held)
    for source in (call.document("Options") or {"DeleteSources": []})["DeleteSources"]:
        _remove_default_source(call, guid, source)
    return done()


@method("AdminPoliciesDelete")
def policies_delete(call: Call) -> Wire:
    """Users of the policy keep their copy of it and have none from now on."""
    guid, policy = _policy(call)
    call.server.policies.delete(guid)
    book = call.server.profiles
    for name in book.names(None):
        if (book.stored(name) or {})["PolicyID"] == guid:
            book.change(name, PolicyID="")
            call.tell_user(events.USER_UPDATED, name)
    call.emit(events.POLICY_REMOVED, organization_id=policy["OrganizationID"], resource_id=guid)
    return done()


def _write(call: Call, guid: str, policy: Wire, held: Wire | None) -> None:
    own = call.caller.organization_id
    owner = held["OrganizationID"] if held else own or policy["OrganizationID"]
    if owner and call.server.organizations.get(owner) is None:
        raise bad_request("Organization not found")
    now = call.server.clock.seconds()
    policy.update(OrganizationID=owner, CreatedDate=held["CreatedDate"] if held else now, ModifiedDate=now)
    call.server.policies.put(guid, policy)
    kind = events.POLICY_UPDATED if held else events.POLICY_NEW
    call.emit(kind, organization_id=owner, resource_id=guid, data=policy)
    book = call.server.profiles
    for name in book.follow_policy(guid):
        stored = book.stored(name) or {}
        linked = call.server.policy_items.linked(stored, now)
        if linked is not stored:
            book.write(name, linked)
        call.tell_user(events.USER_UPDATED, name)


def _remove_default_source(call: Call, policy_id: str, source: str) -> None:
    """Take a Protected Item that the policy once brought away from its users."""
    book = call.server.profiles
    for name in book.names(None):
        profile = book.stored(name) or {}
        gone = {guid for guid, entry in profile["Sources"].items() if entry["PolicySourceID"] == source}
        if profile["PolicyID"] == policy_id and gone:
            book.remove_items(name, gone)
            call.tell_user(events.USER_UPDATED, name)


def _policy(call: Call) -> tuple[str, Wire]:
    guid = call.text("PolicyID")
    policy = call.server.policies.of(call.caller.sees).get(guid)
    if policy is None:
        raise bad_request("Policy not found")
    return guid, policy
