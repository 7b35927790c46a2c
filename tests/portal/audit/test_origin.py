"""Where an action came from, told alike by every entry."""

from types import SimpleNamespace

import pytest
from django.test import RequestFactory

from portal.audit import origin
from portal.audit import services as audit

pytestmark = pytest.mark.django_db


def note():
    return audit.note("tenant.rename", audit.DONE, actor=None, tenant_id=None)


def test_an_entry_of_a_request_says_where_from_as_whom_and_by_what():
    request = RequestFactory().post("/", REMOTE_ADDR="192.0.2.9")
    with origin.of_request(request):
        request.viewing = SimpleNamespace(label="Technician at Acme")
        request.via = "token nightly report"
        entry = note()

    assert (entry.ip_address, entry.viewing_as, entry.via) == (
        "192.0.2.9",
        "Technician at Acme",
        "token nightly report",
    )
    assert note().ip_address is None


def test_an_end_says_what_its_beginning_said():
    with origin.of_request(RequestFactory().get("/", REMOTE_ADDR="2001:db8::1")):
        begun = audit.begin("backup.run", actor=None, tenant_id=None)

    assert audit.end(begun, audit.DONE).ip_address == "2001:db8::1"


def test_an_ipv4_address_in_ipv6_clothes_is_told_as_ipv4():
    assert origin.ip_of(RequestFactory().get("/", REMOTE_ADDR="::ffff:192.0.2.9")) == "192.0.2.9"


def test_every_entry_of_a_page_has_its_address(reseller):
    from django.urls import reverse

    from portal.audit.models import Entry

    data = {"email": "new@example.com", "tenant": reseller.tenant.pk, "role": "viewer"}
    reseller.client().post(reverse("accounts:person-invite"), data, REMOTE_ADDR="192.0.2.9")

    said = Entry.objects.filter(action="person.invite").values_list("ip_address", flat=True)
    assert set(said) == {"192.0.2.9"}
