"""The server's public face, which needs no credentials."""

from typing import Any

from comet.emulator import shapes
from comet.emulator.call import Call, method
from comet.emulator.draw import Draw
from comet.emulator.server import Server

Wire = dict[str, Any]


@method("BrandingProps")
def branding_of_host(call: Call) -> Wire:
    return branding_props(call.server, call.caller.organization_id)


def branding_props(server: Server, organization_id: str) -> Wire:
    """ServerMetaBrandingProperties, as the host's organization shows itself."""
    props: Wire = shapes.zero("ServerMetaBrandingProperties")
    branding = server.settings.section("", "Branding")
    if organization_id:
        own = server.settings.section(organization_id, "Branding")
        branding = {**branding, **{name: value for name, value in own.items() if value}}
    for name in props.keys() & branding.keys():
        props[name] = branding[name]
    props.update(
        HasImage=True,
        ImageEtag=Draw("logo", server.options.seed, branding["LogoImage"]).hex(16),
        AllowUnauthenticatedDownloads=server.settings["SoftwareBuildRole"]["AllowUnauthenticatedDownloads"],
        AllowAuthenticatedDownloads=server.settings.has_role("Software Build"),
        PruneLogsAfterDays=server.settings["AuthenticationRole"]["PruneLogsAfterDays"],
        ExpiredInSeconds=server.settings.session_seconds,
        ServerIsEmpty=not server.admins.all(),
    )
    sources = server.settings.section(organization_id, "ExternalAdminUserSources")
    if shown := [_sign_in_button(guid, source) for guid, source in sources.items() if "OIDC" in source]:
        props["ExternalAuthenticationSources"] = shown
    return props


def _sign_in_button(guid: str, source: Wire) -> Wire:
    """ExternalAuthenticationSourceDisplay."""
    return {
        "DisplayName": source["OIDC"]["DisplayName"] or source["Description"],
        "LoginStartURL": f"/api/v1/admin/external-auth-sources/start/{guid}",
    }
