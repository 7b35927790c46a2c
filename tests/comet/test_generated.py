"""The generated code: names, completeness, currency."""

import enum
import inspect
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import comet.constants
import comet.types
from comet import CometClient
from comet.spec import generate
from comet.spec.emit_types import flat_fields
from comet.spec.model import load
from comet.spec.names import family_class, member_name, snake_case

SPEC = load()


@pytest.mark.parametrize(
    ("wire", "python"),
    [
        ("OrganizationID", "organization_id"),
        ("GUID", "guid"),
        ("TotalVmCount", "total_vm_count"),
        ("RecievedTime", "recieved_time"),
        ("TOTPKey", "totp_key"),
        ("IPAddress", "ip_address"),
        ("IPWhitelist", "ip_whitelist"),
        ("S3UsesTLS", "s3_uses_tls"),
        ("S3UsesV2Signing", "s3_uses_v2_signing"),
        ("From", "from_"),
        ("from", "from_"),
        ("SnapshotIDs", "snapshot_ids"),
        ("VMs", "vms"),
        ("VMID", "vmid"),
        ("VMwareConnection", "vmware_connection"),
        ("QuotaHyperVGuests", "quota_hyperv_guests"),
        ("MacOSCodeSign", "macos_code_sign"),
        ("AllowPasswordAndU2FLogin", "allow_password_and_u2f_login"),
        ("AllowPasswordAndWebAuthnLogin", "allow_password_and_webauthn_login"),
        ("QuotaOffice365ProtectedAccounts", "quota_office365_protected_accounts"),
        ("O365AccountCount", "o365_account_count"),
        ("WindowsCodeSignPKCS11KeyID", "windows_code_sign_pkcs11_key_id"),
        ("ClientSSLPEMPath", "client_ssl_pem_path"),
        ("FTPSMode", "ftps_mode"),
        ("OSType", "os_type"),
        ("LastSuccessfulDeepVerify_GUID", "last_successful_deep_verify_guid"),
        ("SSHCustomAuth_UseKnownHostsFile", "ssh_custom_auth_use_known_hosts_file"),
        ("hasLicense", "has_license"),
        ("downloads_url", "downloads_url"),
        ("AdminListUsersFull", "admin_list_users_full"),
        ("AdminAccountU2fSubmitChallengeResponse", "admin_account_u2f_submit_challenge_response"),
        ("AdminBrandingGenerateClientMacosX8664", "admin_branding_generate_client_macos_x8664"),
    ],
)
def test_wire_names_become_python_names(wire, python):
    assert snake_case(wire) == python


def test_no_name_loses_or_gains_a_letter():
    names = {name for structure in SPEC.types for name in structure.all_fields}
    names |= {param.name for method in SPEC.methods for param in method.params}
    for name in names:
        assert snake_case(name).replace("_", "") == name.replace("_", "").lower()


def test_generated_files_are_current():
    assert generate.stale_files(generate.generated_files()) == []


def test_check_names_what_is_not_current(tmp_path):
    files = {Path("types", "jobs.py"): "new", Path("constants.py"): "same"}
    (tmp_path / "types").mkdir()
    (tmp_path / "types" / "jobs.py").write_text("old")
    (tmp_path / "types" / "gone.py").write_text("")
    (tmp_path / "constants.py").write_text("same")

    stale = generate.stale_files(files, tmp_path)

    assert stale == [Path("types/gone.py"), Path("types/jobs.py")]


def test_what_is_broken_or_missing_can_be_generated_again(tmp_path):
    package = tmp_path / "comet"
    ignored = shutil.ignore_patterns("emulator", "__pycache__")
    shutil.copytree(generate.PACKAGE, package, ignore=ignored)
    (package / "types" / "jobs.py").write_text("from nowhere import nothing")
    (package / "constants" / "__init__.py").unlink()

    command = [sys.executable, "comet/spec/generate.py"]
    assert subprocess.run([*command, "--check"], cwd=tmp_path, capture_output=True).returncode == 1
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    for name in ("types/jobs.py", "constants/__init__.py"):
        assert (package / name).read_bytes() == (generate.PACKAGE / name).read_bytes()


def test_no_file_of_the_package_is_longer_than_500_lines():
    files = [path for path in generate.PACKAGE.rglob("*.py") if "emulator" not in path.parts]
    assert [path.name for path in files if len(path.read_text("utf-8").splitlines()) > 500] == []


def test_the_table_of_methods_has_every_method_and_path():
    page = (generate.PACKAGE.parent / "docs" / "comet-methods.md").read_text("utf-8")
    for method in SPEC.methods:
        assert f"| `{snake_case(method.name)}` | `{method.path}`" in page
        assert all(f"`{alias.path}`" in page for alias in method.aliases)


@pytest.mark.parametrize("structure", SPEC.types, ids=lambda structure: structure.name)
def test_every_structure_has_its_fields_under_their_wire_names(structure):
    cls = getattr(comet.types, structure.name)
    types = {other.name: other for other in SPEC.types}
    fields = flat_fields(structure, types)

    assert cls.__struct_encode_fields__ == tuple(field.name for field in fields)
    assert cls.__struct_fields__ == tuple(snake_case(field.name) for field in fields)
    assert cls.__struct_config__.gc is False
    assert tuple(cls.EXTENDS) == structure.extends
    assert {snake_case(field.name) for field in fields if field.secret} <= cls.SECRETS


@pytest.mark.parametrize("structure", SPEC.types, ids=lambda structure: structure.name)
def test_a_structure_with_nothing_in_it_reads_as_zero_and_is_sent_empty(structure):
    cls = getattr(comet.types, structure.name)
    value = msgspec.json.decode(b'{"Unknown": {"x": [1]}}', type=cls)

    assert value == cls()
    assert all(not getattr(value, name) or _is_zero(getattr(value, name)) for name in cls.__struct_fields__)


def _is_zero(value):
    return isinstance(value, msgspec.Struct) and value == type(value)()


@pytest.mark.parametrize("method", SPEC.methods, ids=lambda method: method.name)
def test_every_method_is_there_with_its_parameters(method):
    signature = inspect.signature(getattr(CometClient, snake_case(method.name)))
    params = {name: param for name, param in signature.parameters.items() if name != "self"}

    assert set(params) == {snake_case(param.name) for param in method.params}
    for param in method.params:
        default = params[snake_case(param.name)].default
        assert default is (None if param.optional else inspect.Parameter.empty)
    assert getattr(CometClient, snake_case(method.name)).__doc__.count(f"{method.name},") == 1


@pytest.mark.parametrize("family", [f for f in SPEC.constant_families if f.published], ids=lambda f: f.prefix)
def test_every_family_of_constants_is_an_enum_with_its_values(family):
    cls = getattr(comet.constants, family_class(family.prefix))
    assert issubclass(cls, enum.Enum)
    for constant in SPEC.constants:
        if constant.family == family.prefix and not constant.marker:
            assert cls[member_name(constant.name, family.prefix)] == constant.value


def test_constants_without_a_family_and_bounds_of_ranges_are_plain_values():
    for constant in SPEC.constants:
        if constant.family is None or constant.marker:
            assert getattr(comet.constants, constant.name) == constant.value


def test_a_value_has_its_real_name_not_that_of_a_bound():
    assert comet.constants.JobStatus(7000).name == "FAILED_TIMEOUT"
    assert comet.constants.StreamableEventType(4000).name == "META_HELLO"


def test_null_reads_as_no_list_and_unknown_constants_stay_numbers():
    profile = msgspec.json.decode(b'{"Emails": null, "Devices": null}', type=comet.types.UserProfileConfig)
    job = msgspec.json.decode(b'{"Status": 7999}', type=comet.types.BackupJobDetail)

    assert profile.emails is None
    assert profile.devices is None
    assert job.status == 7999


def test_secrets_are_masked_in_repr_at_every_depth():
    vault = comet.types.DestinationConfig(
        description="Vault", s3_secret_key="hush", encrypted_encryption_key="hush"
    )
    source = comet.types.SourceConfig(engine_props={"PASSWORD": "hush"})
    profile = comet.types.UserProfileConfig(
        username="bob", password_hash="hush", destinations={"a": vault}, sources={"b": source}
    )

    assert "hush" not in repr(profile)
    assert "username='bob'" in repr(profile)
    assert "hush" not in repr(comet.types.StreamableEvent(type=4100, data={"PasswordHash": "hush"}))
