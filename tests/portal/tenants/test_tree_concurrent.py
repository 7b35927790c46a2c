"""Changes of the tree on connections of their own, at once: one after the other, or refused."""

import threading

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from portal.accounts.access import access_for
from portal.tenants.models import Tenant
from portal.tenants.services import create_tenant, move_tenant
from tests.factories import TenantFactory

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 8


def at_once(*works):
    """Run these at the same moment, each on its own connection; gives what each raised, or None."""
    ended = [None] * len(works)
    gate = threading.Barrier(len(works))

    def run(number, work):
        try:
            gate.wait(timeout=30)
            work()
        except Exception as error:
            ended[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ended


def moves(tenant, parent, who, access):
    def move():
        fresh = Tenant.objects.in_bulk([tenant.pk, parent.pk])
        move_tenant(fresh[tenant.pk], parent=fresh[parent.pk], access=access, actor=who.user)

    return move


def assert_paths_follow_parents():
    for tenant in Tenant.objects.select_related("parent"):
        assert tenant.path == f"{tenant.parent.path if tenant.parent else '/'}{tenant.pk}/"


def test_two_moves_that_would_make_a_circle_do_not_both_happen(provider):
    access = access_for(provider.user)
    for _ in range(ROUNDS):
        one, other = TenantFactory(), TenantFactory()
        ended = at_once(moves(one, other, provider, access), moves(other, one, provider, access))
        assert sorted(type(error) for error in ended if error) == [ValidationError], ended
        assert_paths_follow_parents()


def test_a_tenant_made_below_one_that_moves_stands_where_its_parent_does(provider):
    access = access_for(provider.user)
    for number in range(ROUNDS):
        moved, parent = TenantFactory(), TenantFactory()
        ended = at_once(
            moves(moved, parent, provider, access),
            lambda moved=moved, number=number: create_tenant(
                parent=Tenant.objects.get(pk=moved.pk), kind="customer", name=f"Below {number}"
            ),
        )
        assert ended == [None, None]
        assert_paths_follow_parents()


def test_two_tenants_of_one_name_are_not_both_made(provider):
    for number in range(ROUNDS):
        ended = at_once(
            *(
                lambda name=name: create_tenant(parent=provider.tenant, kind="customer", name=name)
                for name in (f"Acme {number}", f"ACME {number}")
            )
        )
        (error,) = filter(None, ended)
        assert "already has a tenant" in error.message_dict["name"][0]
