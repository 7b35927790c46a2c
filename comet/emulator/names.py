"""Names of invented companies, organizations and devices. No real people or firms."""

from comet.emulator.draw import Draw

_PLACES = (
    "Alderbrook", "Amberfield", "Ashcombe", "Birchholm", "Blackmere", "Brindlewood", "Calderstone",
    "Cedarhurst", "Clovermead", "Copperdale", "Dovecliff", "Elmsworth", "Fallowgate", "Fernhollow",
    "Foxbarrow", "Glenmarrow", "Goldenreach", "Greymoor", "Harrowfen", "Hazelbank", "Heronsgate",
    "Hollowell", "Ivystone", "Juniper Row", "Kestrelwick", "Larkfield", "Limewood", "Lowmarsh",
    "Maplethorn", "Meadowvale", "Millhaven", "Moorcastle", "Netherfold", "Oakmantle", "Otterburn Lane",
    "Pebblecombe", "Pinecrest Hill", "Quarryside", "Ravensmoor", "Redmarley", "Rookhaven", "Rowanleigh",
    "Saltmere", "Silverbeck", "Sparrowgate", "Stonebridge Quay", "Summerlea", "Swanholt", "Tanglewood",
    "Thistledown", "Tidewell", "Umberley", "Vinterfold", "Waverstone", "Westermoor", "Whitlock Green",
    "Willowmere", "Windlesea", "Wrenfield", "Yarrowdale",
)  # fmt: skip
_TRADES = (
    "Accountants", "Architects", "Bakery", "Building Supplies", "Chartered Surveyors", "Clinic",
    "Coachworks", "Construction", "Dairy", "Dental", "Design Studio", "Electrical", "Engineering",
    "Estate Agents", "Family Practice", "Fabrication", "Foods", "Freight", "Garden Centre", "Housing",
    "Insurance Brokers", "Joinery", "Law", "Logistics", "Marine", "Media", "Metalworks", "Opticians",
    "Packaging", "Pharmacy", "Plastics", "Primary School", "Printworks", "Property", "Recruitment",
    "Roofing", "Travel", "Vets", "Wholesale", "Winery",
)  # fmt: skip
_ORGANIZATIONS = (
    ("Quillhaven IT", "quillhaven"), ("Bluefern Systems", "bluefern"),
    ("Tallow & Reed Managed IT", "tallowreed"), ("Ninefold Support", "ninefold"),
    ("Harbourlight Computing", "harbourlight"), ("Marram Networks", "marram"),
    ("Pennant IT Care", "pennant"), ("Gannet Technology", "gannet"),
    ("Cobblestone Cloud", "cobblestone"), ("Lanternbridge IT", "lanternbridge"),
    ("Skylark Services", "skylark"), ("Fathom & Keel", "fathomkeel"),
)  # fmt: skip
_SERVERS = (
    "DC-01", "FIN-SRV-02", "FILE-01", "SQL-PROD-01", "APP-SRV-03", "HV-HOST-02", "EXCH-01", "TS-04",
    "BACKOFFICE-SRV", "ERP-SRV-01", "WEB-02", "VIRT-07", "PRINT-SRV", "CCTV-NVR-01", "NAS-ARCHIVE",
    "SAGE-SRV",
)  # fmt: skip
_LINUX_SERVERS = (
    "web-01", "db-primary", "mail-gw", "nextcloud", "gitlab-int", "pbx-01", "proxy-02", "intranet",
    "monitor-01", "files-ubuntu", "app-node-2", "shop-db",
)  # fmt: skip
_WORKSTATIONS = (
    "Reception PC", "Front Desk 2", "Accounts PC", "Workshop PC", "Dispatch-PC-03", "Directors Office",
    "CAD-WS-05", "Warehouse PC", "Meeting Room", "Training-PC-11", "Payroll PC", "Till-02", "Surgery 3",
    "Sales-WS-04",
)  # fmt: skip
_LAPTOPS = (
    "LAPTOP-SALES-07", "Field Laptop 2", "LT-ENG-14", "Home Office Laptop", "Site Manager Laptop",
    "LT-HR-03", "Spare Laptop", "LT-MGMT-01",
)  # fmt: skip
_MACS = (
    "Design iMac", "MacBook Studio 3", "Edit Suite Mac", "Marketing MacBook", "Mac mini Rack",
    "Owner MacBook Air",
)  # fmt: skip
DEVICE_NAMES = {
    "windows-server": _SERVERS,
    "linux-server": _LINUX_SERVERS,
    "workstation": _WORKSTATIONS,
    "laptop": _LAPTOPS,
    "mac": _MACS,
}


def companies(seed: int, count: int) -> list[str]:
    """`count` different company names."""
    pairs = [(place, trade) for place in _PLACES for trade in _TRADES]
    chosen = Draw(seed, "companies").shuffled(pairs)
    names = [f"{place} {trade}" for place, trade in chosen]
    while len(names) < count:
        names.extend(f"{name} {len(names) // len(pairs) + 1}" for name in names[: len(pairs)])
    return names[:count]


def organizations(seed: int, count: int) -> list[tuple[str, str]]:
    """`count` pairs of an organization's name and the first label of its host."""
    chosen = Draw(seed, "organizations").shuffled(_ORGANIZATIONS)
    while len(chosen) < count:
        number = len(chosen) // len(_ORGANIZATIONS) + 1
        chosen.extend(
            (f"{name} {number}", f"{label}{number}") for name, label in chosen[: len(_ORGANIZATIONS)]
        )
    return chosen[:count]


def slug(company: str) -> str:
    """A company's name as a user name: letters, digits and hyphens."""
    return "-".join("".join(c for c in company.lower() if c.isalnum() or c == " ").split())
