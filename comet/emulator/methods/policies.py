"""Policies."""

from typing import Any

from comet.emulator.call import Call, method

Wire = dict[str, Any]


@method("AdminPoliciesList")
def policies_list(call: Call) -> dict[str, str]:
    return {guid: policy["Description"] for guid, policy in policies_list_full(call).items()}


@method("AdminPoliciesListFull")
def policies_list_full(call: Call) -> dict[str, Wire]:
    """Those of the caller's organization; for the top level those of all, or of TargetOrganization."""
    wanted = call.caller.sees
    if wanted is None and "TargetOrganization" in call.values:
        wanted = call.text("TargetOrganization")
    return call.server.policies.of(wanted)
