"""What devices, Protected Items and Storage Vaults there can be, and how often each is met."""

KINDS = (
    ("windows-server", 26.0),
    ("linux-server", 14.0),
    ("workstation", 32.0),
    ("laptop", 16.0),
    ("mac", 12.0),
)
ENGINES: dict[str, tuple[tuple[str, str], ...]] = {
    "windows-server": (
        ("engine1/file", "Shared data"),
        ("engine1/mssql", "SQL databases"),
        ("engine1/windisk", "System disk image"),
        ("engine1/hyperv", "Virtual machines"),
        ("engine1/systemstate", "System State"),
        ("engine1/exchangeedb", "Exchange stores"),
        ("engine1/vsswriter", "Application writers"),
    ),
    "linux-server": (
        ("engine1/file", "/etc and /srv"),
        ("engine1/mysql", "MySQL databases"),
        ("engine1/stdout", "Directory dump"),
        ("engine1/mongodb", "Document store"),
        ("engine1/proxmox", "Proxmox guests"),
    ),
    "workstation": (
        ("engine1/file", "Documents"),
        ("engine1/windisk", "Whole computer"),
        ("engine1/file", "Desktop and pictures"),
    ),
    "laptop": (("engine1/file", "My files"), ("engine1/windisk", "Whole computer")),
    "mac": (("engine1/file", "Home folder"), ("engine1/file", "Project library")),
}
PLATFORMS = {
    "windows-server": (
        ("windows", "amd64", "Windows Server 2022 Standard", "10.0", "20348"),
        ("windows", "amd64", "Windows Server 2019 Standard", "10.0", "17763"),
        ("windows", "amd64", "Windows Server 2025 Standard", "10.0", "26100"),
    ),
    "linux-server": (
        ("linux", "amd64", "Ubuntu 24.04 LTS", "6.8.0", ""),
        ("linux", "amd64", "Debian GNU/Linux 12", "6.1.0", ""),
        ("linux", "arm64", "Rocky Linux 9.4", "5.14.0", ""),
    ),
    "workstation": (
        ("windows", "amd64", "Windows 11 Pro", "10.0", "22631"),
        ("windows", "amd64", "Windows 10 Pro", "10.0", "19045"),
    ),
    "laptop": (
        ("windows", "amd64", "Windows 11 Pro", "10.0", "26100"),
        ("windows", "arm64", "Windows 11 Pro", "10.0", "26100"),
    ),
    "mac": (
        ("darwin", "arm64", "macOS 14.6", "23.6.0", ""),
        ("darwin", "amd64", "macOS 13.7", "22.6.0", ""),
    ),
}
VAULTS = (
    ("Cloud vault", 1003),
    ("Offsite bucket", 1000),
    ("Office NAS", 1002),
    ("B2 archive", 1008),
)
HOURS = (
    (19, 16.0), (20, 18.0), (21, 16.0), (22, 10.0), (23, 6.0), (0, 6.0),
    (1, 5.0), (2, 5.0), (12, 6.0), (13, 5.0), (7, 3.0), (17, 4.0),
)  # fmt: skip
TIMEZONES = ("Europe/London", "Europe/Berlin", "Europe/Paris", "America/New_York", "Australia/Sydney")
