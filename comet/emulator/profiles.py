"""User Profiles as the API writes them, built from the population."""

from typing import Any

from comet.emulator import shapes
from comet.emulator.population import Device, Item, PolicySeed, User, Vault

Wire = dict[str, Any]
_VAULT_SECRETS = (
    "CometBucketKey",
    "EncryptedEncryptionKey",
    "FTPPassword",
    "LocalcopyWinSMBPassword",
    "S3AccessKey",
    "S3SecretKey",
    "SFTPPassword",
    "SFTPPrivateKey",
)
_DAILY = 8011
_DELETE_EXCEPT = 802
_KEEP_NEWER_THAN = 901
_LOCAL_VAULT, _S3_VAULT, _COMET_VAULT = 1002, 1000, 1003


def user_profile(user: User, password_hash: str, secret_mark: str = "") -> Wire:
    """UserProfileConfig without the statistics, which follow the jobs.

    With `secret_mark` it holds a secret with that text wherever profiles hold one.
    """
    profile: Wire = shapes.zero("UserProfileConfig")
    profile.update(
        Username=user.username,
        AccountName=user.account_name,
        LocalTimezone=user.timezone,
        LanguageCode="en_US",
        OrganizationID=user.organization_id,
        Emails=[f"it@{user.username}.example"],
        SendEmailReports=True,
        SupportsDeviceAssociations=True,
        PolicyID=user.policy_id,
        PasswordFormat=1,
        PasswordHash=password_hash,
        AllowPasswordLogin=True,
        CreateTime=user.created_at,
        CreationGUID=user.creation_guid,
        Destinations={vault.guid: _destination(vault, user) for vault in user.vaults},
        Sources={item.guid: _source(item, device) for device in user.devices for item in device.items},
        BackupRules={item.rule_guid: _rule(item, user) for device in user.devices for item in device.items},
        Devices={device.device_id: device_config(device) for device in user.devices},
    )
    if secret_mark:
        profile.update(PasswordRecovery=f"{secret_mark}-recovery", TOTPKey=f"{secret_mark}-totp")
        for vault in profile["Destinations"].values():
            vault.update({name: f"{secret_mark}-{name}" for name in _VAULT_SECRETS})
    return profile


def device_config(device: Device) -> Wire:
    """DeviceConfig of a device as the population made it."""
    config: Wire = shapes.zero("DeviceConfig")
    config.update(
        FriendlyName=device.name,
        RegistrationTime=device.registered_at,
        PlatformVersion=os_info(device),
        DeviceTimezone=device.timezone,
        ClientVersion=device.version,
        Sources={item.guid: _source_info(item) for item in device.items},
    )
    return config


def os_info(device: Device) -> Wire:
    system, arch, distribution, version, build = device.platform
    info = {"version": version, "distribution": distribution, "os": system, "arch": arch}
    return {**info, "build": build} if build else info


def policy(seed: PolicySeed, created_at: int) -> Wire:
    """GroupPolicy of a seeded policy."""
    whole: Wire = shapes.zero("GroupPolicy")
    whole.update(
        Description=seed.description,
        OrganizationID=seed.organization_id,
        DefaultUserPolicy=seed.default,
        CreatedDate=created_at,
        ModifiedDate=created_at,
    )
    whole["Policy"]["DefaultNewStorageVault"] = "none"
    whole["Policy"]["DefaultStorageVaultRetention"] = _retention()
    if "no deletion" in seed.description:
        whole["Policy"].update(PreventDeleteStorageVault=True, PreventDeleteSingleSnapshots=True)
    return whole


def _destination(vault: Vault, user: User) -> Wire:
    config: Wire = shapes.zero("DestinationConfig")
    config.update(
        DestinationType=vault.destination_type,
        Description=vault.description,
        CreateTime=vault.created_at,
        ModifyTime=vault.created_at,
        RepoInitTimestamp=vault.created_at + 30,
        DefaultRetention=_retention(),
        AssociatedDevices=[device.device_id for device in user.devices],
    )
    if vault.destination_type == _COMET_VAULT:
        config.update(CometServer="https://storage.example/", CometBucket=vault.guid)
    elif vault.destination_type == _S3_VAULT:
        config.update(S3Server="s3.example", S3UsesTLS=True, S3BucketName="backups", S3Subdir=user.username)
    elif vault.destination_type == _LOCAL_VAULT:
        config.update(LocalcopyPath="\\\\nas\\backup")
    return config


def _source(item: Item, device: Device) -> Wire:
    config: Wire = shapes.zero("SourceConfig")
    config.update(
        Engine=item.engine,
        Description=item.description,
        OwnerDevice=device.device_id,
        CreateTime=device.registered_at,
        ModifyTime=device.registered_at,
    )
    if item.engine == "engine1/file":
        root = "C:\\" if device.platform[0] == "windows" else "/"
        config["EngineProps"] = {"PINCLUDE0": f"{root}{item.description}"}
    return config


def _rule(item: Item, user: User) -> Wire:
    rule: Wire = shapes.zero("BackupRuleConfig")
    schedule: Wire = shapes.zero("ScheduleConfig")
    schedule.update(FrequencyType=_DAILY, SecondsPast=item.hour * 3600)
    rule.update(
        Description=f"{item.description}, every day",
        CreateTime=user.created_at,
        ModifyTime=user.created_at,
        Source=item.guid,
        Destination=item.vaults[0].guid,
        Schedules=[schedule],
        SkipAlreadyRunning=True,
    )
    return rule


def _source_info(item: Item) -> Wire:
    info: Wire = shapes.zero("SourceBasicInfo")
    info.update(Engine=item.engine, Description=item.description, Size=item.size_bytes)
    return info


def _retention() -> Wire:
    policy_range: Wire = shapes.zero("RetentionRange")
    policy_range.update(Type=_KEEP_NEWER_THAN, Days=90)
    return {"Mode": _DELETE_EXCEPT, "Ranges": [policy_range]}
