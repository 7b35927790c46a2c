"""How the wire's names become Python names. Everything generated goes through here."""

import keyword
import re

# Runs of letters that belong together although the plain rule would cut them apart.
_WORDS = "IDs|VMs|VMware|VSphere|HyperV|MacOS|WebAuthn|U2[Ff]|SSL(?=PEM)"
_TOKEN = re.compile(
    rf"(?:{_WORDS})(?![a-z])"  # known words
    r"|[A-Z]+\d+"  # an abbreviation with its number: S3, PKCS12
    r"|[A-Z]+(?=[A-Z][a-z])"  # an abbreviation before a word: TLS in TLSSkipVerify
    r"|[A-Z]?[a-z]+\d*"  # a word, with its number: Office365
    r"|[A-Z]+"  # an abbreviation at the end: TLS in UsesTLS
)

_FAMILY_NAMES = {  # where the prefix alone would read badly
    "SEVT_": "StreamableEventType",
    "OS_": "OSRestriction",
    "SETTING_": "SettingMode",
    "SERVICE_": "Office365Service",
    "ENGINE_BUILTIN_": "Engine",
    "PROVIDER_": "OidcProvider",
    "COMPRESS_": "CompressMode",
    "SEARCHCLAUSE_": "SearchClauseType",
    "SEARCHOPERATOR_": "SearchOperator",
    "DESTINATIONTYPE_": "DestinationType",
    "EMAILREPORTTYPE_": "EmailReportType",
    "STOREDOBJECTTYPE_": "StoredObjectType",
    "RESTORETYPE_": "RestoreType",
    "RESTOREARCHIVEFORMAT_": "RestoreArchiveFormat",
    "RETENTIONMODE_": "RetentionMode",
    "RETENTIONRANGE_": "RetentionRangeType",
    "REMOTESERVER_": "RemoteServerType",
    "UPDATESTATUS_": "UpdateStatus",
    "BRANDINGSTYLETYPE_": "BrandingStyleType",
    "BACKUPJOBAUTORETENTION_": "AutoRetentionLevel",
    "CLIENTBRANDINGBUILD_": "ClientBrandingBuild",
    "LDAPSECURITYMETHOD_": "LDAPSecurityMethod",
    "ENCRYPTIONMETHOD_": "EncryptionMethod",
    "REPLICADELETION_": "ReplicaDeletionStrategy",
    "REPLICATOR_DISPLAYCLASS_": "ReplicatorDisplayClass",
    "CUSTOMREMOTEBUCKET_CUSTOMBODY_": "CustomRemoteBucketBodyType",
    "WINDOWSCODESIGN_METHOD_": "WindowsCodeSignMethod",
    "MACOSCODESIGN_LEVEL_": "MacOSCodeSignLevel",
    "SSHCONNECTION_AUTHMODE_": "SSHAuthMode",
    "DESTINATION_SFTP_AUTHMODE_": "SFTPAuthMode",
    "LOGOIMAGE_": "LogoImage",
    "VMWARE_BACKUP_": "VMwareBackup",
    "VMWARE_CONNECTION_": "VMwareConnectionType",
    "VMWARE_SNAPSHOT_": "VMwareSnapshot",
    "WEBAUTHN_DEVICE_TYPE_": "WebAuthnDeviceType",
}
_ABBREVIATIONS = {"FTPS", "MSSQL", "PSA", "PVE"}


def snake_case(wire_name: str) -> str:
    """The Python name of a field, parameter or method.

    `OrganizationID` gives `organization_id`, `S3UsesTLS` gives `s3_uses_tls`; a name that Python
    keeps for itself gets an underscore at its end, `from_`.
    """
    parts = [part.lower() for chunk in wire_name.split("_") for part in _TOKEN.findall(chunk)]
    name = "_".join(parts)
    return f"{name}_" if keyword.iskeyword(name) else name


def family_class(prefix: str) -> str:
    """The enum class of a family of constants: `JOB_STATUS_` gives `JobStatus`."""
    if prefix in _FAMILY_NAMES:
        return _FAMILY_NAMES[prefix]
    words = prefix.strip("_").split("_")
    return "".join(word if word in _ABBREVIATIONS else word.capitalize() for word in words)


def member_name(constant: str, prefix: str) -> str:
    """The member of a family's enum: `JOB_STATUS_STOP_SUCCESS` gives `STOP_SUCCESS`."""
    return constant.removeprefix(prefix).lstrip("_")
