"""What pages of Devices draw."""

from collections.abc import Mapping, Sequence
from typing import Final

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from comet.constants import DestinationType, Engine
from portal.core.states import State
from portal.core.strips import Cell
from portal.fleet.models import StorageVault

register = template.Library()

_PLATFORMS: Final = {"windows": "Windows", "darwin": "macOS", "linux": "Linux", "freebsd": "FreeBSD"}
_PROCESSORS: Final = {"amd64": "64-bit", "386": "32-bit", "arm64": "ARM 64-bit", "arm": "ARM"}
_ENGINES: Final[dict[str, str]] = {
    Engine.EXCHANGEEDB: "Exchange Server",
    Engine.FILE: "Files and folders",
    Engine.HYPERV: "Hyper-V",
    Engine.MONGODB: "MongoDB",
    Engine.MSOFFICE: "Microsoft 365",
    Engine.MSSQL: "SQL Server",
    Engine.MYSQL: "MySQL",
    Engine.PROXMOX: "Proxmox",
    Engine.STDOUT: "Program output",
    Engine.SYSTEMSTATE: "System state",
    Engine.VMWARE: "VMware",
    Engine.VSSWRITER: "Application-aware writer",
    Engine.WINDISK: "Disk image",
    Engine.WINDOWSSYSTEM: "Windows system backup",
}
_VAULT_KINDS: Final[dict[int, str]] = {
    DestinationType.S3: "S3-compatible",
    DestinationType.SFTP: "SFTP",
    DestinationType.LOCALCOPY: "Local path",
    DestinationType.COMET: "Comet Storage Gateway",
    DestinationType.FTP: "FTP",
    DestinationType.AZUREBLOB: "Azure Blob Storage",
    DestinationType.SPANNED: "Spanned",
    DestinationType.SWIFT: "OpenStack Swift",
    DestinationType.B2: "Backblaze B2",
    DestinationType.STORJ: "Storj",
    DestinationType.WEBDAV: "WebDAV",
    DestinationType.SMB: "Network share",
}


@register.filter
def engine_name(engine: str) -> str:
    """What a Protected Item backs up; Comet's own name where this code does not know it."""
    return _ENGINES.get(engine, engine)


@register.filter
def vault_kind(vault: StorageVault) -> str:
    """Where a Storage Vault is kept."""
    return _VAULT_KINDS.get(vault.destination_type, f"Type {vault.destination_type}")


@register.filter
def filled(vault: StorageVault) -> int:
    """Whole percent of its limit; 0 without a limit."""
    return vault.size_bytes * 100 // vault.limit_bytes if vault.limit_bytes else 0


@register.filter
def platform_name(platform: str) -> str:
    """`windows/amd64` as people say it: `Windows, 64-bit`."""
    system, _, processor = platform.partition("/")
    said = _PLATFORMS.get(system, system)
    return f"{said}, {_PROCESSORS.get(processor, processor)}" if processor else said or "–"


@register.simple_tag
def small_strip(strips: Mapping[int, Sequence[Cell]], pk: int) -> SafeString:
    """The strip of one row as one picture: bad days stand tall, its description counts them."""
    cells = strips.get(pk, ())
    bars = format_html_join(
        "",
        '<rect class="tone-{}" x="{}" y="{}" width="4" height="{}" rx="1"><title>{}</title></rect>',
        (
            (
                cell.state.tone,
                5 * place,
                *_bar(cell.state),
                f"{cell.day:%a} {cell.day.day} {cell.day:%b}: {cell.title}",
            )
            for place, cell in enumerate(cells)
        ),
    )
    return format_html(
        '<svg class="small-strip" viewBox="0 0 {0} 20" width="{0}" height="20" role="img"'
        ' aria-label="{1}">{2}</svg>',
        5 * len(cells),
        _summary(cells),
        bars,
    )


def _bar(state: State) -> tuple[int, int]:
    """Top and height of a day's bar: the height tells the state where colour cannot."""
    height = {
        State.FAILED: 20,
        State.MISSED: 17,
        State.INTERRUPTED: 14,
        State.WARNING: 11,
        State.SUCCEEDED: 6,
        State.RUNNING: 6,
    }.get(state, 2)
    return 20 - height, height


def _summary(cells: Sequence[Cell]) -> str:
    states = [cell.state for cell in cells]
    counts = [f"{states.count(state)} {state.label.lower()}" for state in State if state in states]
    return f"Last {len(cells)} days: {', '.join(counts)}"
