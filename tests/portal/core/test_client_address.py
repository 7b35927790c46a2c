"""Where a request comes from: what a client may and may not say of itself."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from portal.core.client_address import client_address, trusted_networks

PROXIES = trusted_networks(["10.0.0.0/8", "2001:db8::1"])


@pytest.mark.parametrize(
    ("remote", "forwarded_for", "came_from"),
    [
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),  # the first is the client's own word
        ("10.0.0.1", "203.0.113.9, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        ("2001:db8::1", "2001:db8::7", "2001:db8::7"),
        ("::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("198.51.100.7", "203.0.113.9", "198.51.100.7"),  # not a proxy of ours
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7, <script>", "10.0.0.1"),
        ("", "198.51.100.7", ""),
    ],
)
def test_the_nearest_address_that_is_no_trusted_proxy_counts(remote, forwarded_for, came_from):
    assert client_address(remote, forwarded_for, PROXIES) == came_from


def test_a_proxy_that_is_no_address_is_refused_at_the_start():
    with pytest.raises(ImproperlyConfigured, match="TRUSTED_PROXIES"):
        trusted_networks(["proxy.example.com"])
