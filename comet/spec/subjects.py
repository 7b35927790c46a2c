"""Which file a structure or a method is written to.

Structures are listed from the simple to the composed: a file may use structures of the files above
it, never of those below. The first pattern that matches a whole name decides.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Subject:
    """One generated file: its module name, its line one, the names it takes."""

    module: str
    about: str
    patterns: tuple[str, ...]

    def takes(self, name: str) -> bool:
        return any(re.fullmatch(pattern, name) for pattern in self.patterns)


TYPE_SUBJECTS = (
    Subject(
        "common",
        "Structures that many others hold: answers, measures, schedules, retention, search.",
        (
            "CometAPIResponseMessage|TestResponse|SingleFieldSource",
            "SizeMeasurement|ContentMeasurement.*|OSInfo|TimeSpan|UninstallConfig",
            "HourSchedConfig|DaysOfWeekConfig|ScheduleConfig|Retention.*|SearchClause",
        ),
    ),
    Subject(
        "connections",
        "How a Device reaches what it backs up: databases, hypervisors, Microsoft 365.",
        (
            "SSHConnection|WinSMBAuth|MSSQL.*|MySQL.*|MongoDB.*|VSphere.*|VMwareConnection",
            "ProxmoxConnection|Office365(Connection|Credential|CustomSetting.*)|PVE(Params|Backup.*)",
            "RegisterOffice.*",
        ),
    ),
    Subject(
        "storage",
        "Storage Vault locations, buckets and their sizes.",
        (
            ".*DestinationLocation",
            "DestinationStatistics|DestinationConfig",
            "Bucket.*|NewBucketDetail|UserOnServer",
        ),
    ),
    Subject(
        "templates",
        "Storage templates and the other servers a Comet Server works with.",
        (
            ".*VirtualStorageRole.*|Impossible.*|ObjectLock.*|CustomRemoteBucketSettings",
            "ExternalLDAP.*|Oidc.*|RemoteServerAddress|RemoteStorageOption|ReplicaServer",
            "StorageVaultProviderPolicy|.*StorageExtraInfo|B2TransactionTotals|StorageFreeSpaceInfo",
        ),
    ),
    Subject("jobs", "Jobs, their progress and logs.", ("BackupJob.*|JobEntry|CountJobs.*|DispatchWith.*",)),
    Subject("items", "Protected Items and their schedules.", ("Source.*|BackupRule.*|DefaultSource.*",)),
    Subject(
        "devices",
        "Devices, live connections, installation and software updates.",
        ("DeviceConfig|LiveUser.*|RegistrationLobby.*|Install.*|UpdateCampaign.*|AvailableDownload",),
    ),
    Subject("emails", "Email delivery and reports.", (".*Email.*",)),
    Subject(
        "policies",
        "Policies and what they hold.",
        (".*Policy|ExtraFileExclusion|.*GroupPolicyResponse|PolicyOptions|AdminOptions",),
    ),
    Subject(
        "users",
        "User Profiles, user groups and shared quotas.",
        (
            "UserProfile.*|UserServerConfig|GetProfile.*|ProtectedItemWith.*|RequestStorageVault.*",
            ".*UserGroup.*|.*SharedStorageQuota.*",
        ),
    ),
    Subject(
        "browsing",
        "What a Device answers when asked to list its disks, databases and machines.",
        (
            "Browse.*|DiskDrive|Partition.*|EDBFileInfo|HyperVMachineInfo|VMware.*Info|VSS.*|PVE.*|Office365.*",
        ),
    ),
    Subject(
        "restore",
        "Snapshots, what is inside them, and restores.",
        (
            "VaultSnapshot|StoredObject|SearchResult.*|SearchSnapshots.*|VM.*|Restore.*",
            ".*RestoreTargetOptions|Dispatcher.*",
        ),
    ),
    Subject("webauthn", "Security keys: WebAuthn and the older U2F.", ("WebAuthn.*|U2F.*",)),
    Subject(
        "admins",
        "Administrators, their permissions and sessions.",
        ("Admin(AccountProp|Security|U2F|UserPerm|WebAuthn).*|AllowedAdminUser|Session.*|Totp.*",),
    ),
    Subject(
        "branding",
        "Branding and signing of the client software.",
        (".*Branding.*|.*CodeSign.*|SoftwareBuild.*|ExternalAuthenticationSourceDisplay",),
    ),
    Subject(
        "organizations",
        "Organizations and what each of them sets for itself.",
        ("Organization.*|FileOption|WebhookOption|PSA.*|ConstellationRoleOptions",),
    ),
    Subject(
        "server",
        "The Comet Server itself: configuration, organizations, versions, events.",
        (
            "Server.*|Organization.*|.*Role(Options)?|Constellation.*|Replicator.*|SelfBackup.*|License.*",
            "HTTPConnector.*|Ratelimit.*|LoginProtection.*|LocalStorageDirectory|StatResult",
            "FileOption|WebhookOption|StreamableEvent|PSA.*|NewsEntry|SoftwareUpdate.*|GlobalOverride.*",
            "ExternalAuth.*|AdminResourceResponse|AddBucketResponseMessage|AuthenticationRoleOptions",
        ),
    ),
)

CONSTANT_SUBJECTS = (
    Subject(
        "jobs",
        "Jobs, schedules, retention, search and logs.",
        (
            "JOB_.*|BACKUPJOB.*|RETENTION(MODE|RANGE)_|SCHEDULE_.*|SEARCH.*|SEVERITY_",
            "RESTORE.*|STOREDOBJECTTYPE_",
        ),
    ),
    Subject("events", "Live events.", ("SEVT_|STREAM.*",)),
    Subject(
        "devices",
        "What is backed up, and how it is reached.",
        (
            "ENGINE_.*|OS_|SERVICE_|HYPERV_.*|MSSQL_.*|MIXED_.*|OFFICE365_.*|PROXMOX_.*|PVE_.*|VMWARE_.*",
            "SSHCONNECTION_.*|UPDATESTATUS_",
        ),
    ),
    Subject(
        "storage",
        "Storage Vaults and the servers behind them.",
        (
            "DESTINATION.*|CUSTOMREMOTEBUCKET_.*|FTPS_.*|NEW_STORAGE_VAULT_.*|OBJECT_LOCK_",
            "REMOTESERVER_|REPLICA.*|COMPRESS_",
        ),
    ),
    Subject("server", "The Comet Server itself: email, branding, sign-in, settings.", (".*",)),
)

METHOD_SUBJECTS = (
    Subject(
        "sessions",
        "The calling administrator's account, sign-in and session keys.",
        ("AdminAccount.*|HybridSessionStart|AdminAddFirstAdminUser",),
    ),
    Subject("admins", "Administrators and external sign-in sources.", ("AdminAdminUser.*|AdminExternal.*",)),
    Subject("installers", "Client installers and branding.", ("AdminBranding.*|BrandingProps",)),
    Subject(
        "snapshots",
        "Look into Storage Vaults through a Device, and delete from them.",
        (
            "AdminDispatcher(BrowseVirtual|DeleteSnap|EmailPreview|RequestStored|SearchSnap).*",
            "AdminDispatcherRequest(VaultSnap|WindiskSnap|Filesystem).*",
        ),
    ),
    Subject(
        "browsing",
        "Ask a Device for its disks, databases and machines.",
        ("AdminDispatcher(Request|Office365|Register).*",),
    ),
    Subject(
        "connections",
        "Live connections, installation and updates of the client software.",
        (
            "AdminInstallation.*|AdminUpdateCampaign.*",
            "AdminDispatcher(Drop|Force|Kill|List|Refetch|Uninstall|Update|GetDefault).*",
        ),
    ),
    Subject(
        "dispatcher",
        "Tell a Device to act: back up, restore, care for a Storage Vault.",
        ("AdminDispatcher.*",),
    ),
    Subject("jobs", "Jobs and their logs.", ("AdminGetJob.*|AdminJob.*|AdminCountJobs.*",)),
    Subject(
        "policies",
        "Policies, user groups and shared quotas.",
        ("AdminPolicies.*|AdminUserGroups.*|AdminSquota.*",),
    ),
    Subject(
        "storage",
        "Storage Vault templates, buckets and the bucket usage reports.",
        ("AdminStorage.*|AdminRequestStorage.*|AdminConvertStorage.*|AdminConstellation.*",),
    ),
    Subject(
        "configuration",
        "The Comet Server's configuration, part by part.",
        ("AdminMeta.*(Config|Options|Vault|Resource|Test).*",),
    ),
    Subject(
        "server",
        "The Comet Server: organizations, versions, logs, news, replication.",
        ("AdminMeta.*|AdminOrganization.*|AdminNews.*|AdminBulletin.*|AdminReplication.*|AdminSelfBackup.*",),
    ),
    Subject("users", "User Profiles, their Protected Items and Devices.", ("Admin.*",)),
    Subject(
        "user_snapshots",
        "Look into an end user's own Storage Vaults through a Device.",
        (
            "UserWebDispatcher(BrowseVirtual|RequestStored|RequestVaultSnap|RequestWindiskSnap|Search).*",
            "UserWebRequestFilesystemObjects",
        ),
    ),
    Subject(
        "user_browsing",
        "What an end user's own Devices hold: disks, databases, machines.",
        ("UserWebDispatcher(Office365|Register|Request).*",),
    ),
    Subject("user_dispatcher", "What an end user asks of their own Devices.", ("User(Web)?Dispatcher.*",)),
    Subject("user", "What an end user does with their own account.", ("User.*",)),
)


def subject_of(name: str, subjects: tuple[Subject, ...]) -> Subject:
    """The file that `name` belongs to.

    Raises:
        LookupError: no subject takes it; a new structure needs a line in this file.
    """
    for subject in subjects:
        if subject.takes(name):
            return subject
    raise LookupError(f"{name} belongs to no subject in comet/spec/subjects.py")
