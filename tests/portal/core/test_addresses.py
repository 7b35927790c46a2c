"""Which resolved addresses the portal connects to."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from portal.core.addresses import AddressForbidden, AddressGuard, address_guard

EVERYTHING = ["0.0.0.0/0", "::/0"]


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34"]
)
def test_public_addresses_may_be_contacted(address):
    AddressGuard([])(address, 443)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.9",
        "192.168.1.1",
        "100.64.0.1",
        "::1",
        "fd12::1",
        "fec0::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "240.0.0.1",
    ],
)
def test_private_addresses_are_refused_unless_listed(address):
    with pytest.raises(AddressForbidden, match="private network"):
        AddressGuard([])(address, 8060)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.1.1",
        "fe80::1%eth0",
        "224.0.0.1",
        "ff02::1",
        "0.0.0.0",
        "::",
        "168.63.129.16",
        "100.100.100.200",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fd00:c1::a9fe:a9fe",
        "::ffff:169.254.169.254",
    ],
)
def test_no_setting_opens_link_local_multicast_and_metadata_addresses(address):
    with pytest.raises(AddressForbidden, match="never contacted"):
        AddressGuard(EVERYTHING)(address, 80)


def test_a_listed_network_is_open_on_its_ports_only():
    guard = AddressGuard(["127.0.0.1/32:8060-8062", "10.0.0.0/8", "[fd00::/8]:8060"])

    guard("127.0.0.1", 8060)
    guard("::ffff:127.0.0.1", 8062)
    guard("10.200.0.1", 1)
    guard("fd00::5", 8060)
    for address, port in [("127.0.0.1", 8063), ("127.0.0.2", 8060), ("fd00::5", 8061), ("192.168.0.1", 80)]:
        with pytest.raises(AddressForbidden):
            guard(address, port)


@pytest.mark.parametrize(
    "entry", ["nonsense", "10.0.0.0/99", "10.0.0.0/8:0", "10.0.0.0/8:9-8", "10.0.0.0/8:x"]
)
def test_a_broken_entry_is_named(entry):
    with pytest.raises(ImproperlyConfigured, match="ALLOWED_NETWORKS"):
        AddressGuard([entry])


def test_the_portals_guard_follows_its_settings(settings):
    settings.ALLOWED_NETWORKS = ["127.0.0.0/8:9000"]

    address_guard()("127.0.0.1", 9000)
    with pytest.raises(AddressForbidden):
        address_guard()("127.0.0.1", 9001)
