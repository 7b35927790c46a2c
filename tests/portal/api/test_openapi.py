"""The OpenAPI document is right, and the API answers as it says: asked what the document allows, and more."""

import ast

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given
from hypothesis import settings as examples

from portal.accounts.token_text import new_token
from portal.api.examples import list_addresses, python_example
from portal.api.openapi import document
from tests.factories import ApiTokenFactory, CometServerFactory, JobFactory

pytestmark = pytest.mark.django_db

MODES = tuple(schemathesis.GenerationMode)


@pytest.fixture
def schema(settings):
    """The document as a stranger reads it, and the API behind it; a machine asks often."""
    settings.API_REQUESTS_A_MINUTE = settings.API_REQUESTS_A_MINUTE_BY_ADDRESS = 10_000
    settings.API_REFUSALS_A_MINUTE = 10_000
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)  # as Django's own test client does: the test's is kept
    yield schemathesis.openapi.from_wsgi(reverse("api:openapi"), get_wsgi_application())
    for signal in signals:
        signal.connect(close_old_connections)


def test_the_document_is_valid_openapi(schema):
    schema.validate()
    assert document()["openapi"].startswith("3.1")


def test_everybody_may_read_it_and_it_names_nobody(reseller):
    response = Client().get(reverse("api:openapi"))
    assert response.json() == document()
    assert reseller.tenant.name not in response.content.decode()


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
@pytest.mark.parametrize("path", sorted(document()["paths"]))
def test_the_api_answers_as_the_document_says(path, mode, schema, reseller):
    """Of made-up requests, valid and not: no failure of the portal, and each answer as it is described."""
    text = new_token()
    ApiTokenFactory(owner=reseller.user, text=text)
    JobFactory(tenant=reseller.tenant)
    CometServerFactory(tenant=reseller.tenant)

    asked = schema[path]["GET"].as_strategy(generation_mode=mode)
    if mode is schemathesis.GenerationMode.POSITIVE:
        asked = asked.map(without_cursor)

    @given(asked)
    @examples(
        max_examples=10,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    def ask(case):
        case.call_and_validate(headers={"Authorization": f"Bearer {text}", "Accept-Encoding": "identity"})

    ask()


def without_cursor(case):
    """A cursor is signed: none that is made up can be right."""
    case.query.pop("cursor", None)
    return case


def test_the_page_shows_every_address_with_examples_that_can_be_used(reseller):
    page = reseller.client().get(reverse("api:docs")).content.decode()
    addresses = list_addresses("http://testserver")
    assert [one.path for one in addresses] == list(document()["paths"])
    for one in addresses:
        assert one.path in page
        assert f'id="{one.name}"' in page
        assert all(field.description for field in [*one.parameters, *one.fields]), one.path
    ast.parse(python_example("http://testserver"))
