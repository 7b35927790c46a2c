"""The server itself: its version and its public face."""

from typing import Any

from comet.emulator import shapes
from comet.emulator.call import Call, method
from comet.emulator.draw import Draw
from comet.emulator.server import Server

Wire = dict[str, Any]


@method("AdminMetaVersion")
def meta_version(call: Call) -> Wire:
    return call.server.version_info()


def branding_props(server: Server, organization_id: str) -> Wire:
    """ServerMetaBrandingProperties, as the host's organization shows itself."""
    props: Wire = shapes.zero("ServerMetaBrandingProperties")
    organization = server.organizations.get(organization_id)
    brand = organization["Branding"]["BrandName"] if organization else ""
    product = organization["Branding"]["ProductName"] if organization else ""
    props.update(
        BrandName=brand or "Emulated Comet Server",
        ProductName=product or "Emulated Backup",
        HasImage=True,
        ImageEtag=Draw("logo", server.options.seed).hex(16),
        TopColor="#22384F",
        AccentColor="#2E8B74",
        AllowAuthenticatedDownloads=True,
        PruneLogsAfterDays=server.options.days,
        ExpiredInSeconds=server.sessions.idle_seconds,
        ServerIsEmpty=not server.admins.all(),
        CloudStorageName="Cloud storage",
    )
    return props
