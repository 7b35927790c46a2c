"""The pages of Operations."""

import pytest
from django.urls import reverse
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains

from portal.core.access import NO_ACCESS
from portal.operations.models import Operation, OperationItem
from portal.operations.selectors import running_summary
from portal.operations.tasks import run_item
from tests.factories import OperationFactory, OperationItemFactory

LIST = "operations:operation-list"
DETAIL = "operations:operation-detail"
CANCEL = "operations:operation-cancel"
PARTIAL = {"HX-Request": "true"}


def detail(person, operation, **options):
    return person.client().get(reverse(DETAIL, args=[operation.pk]), **options)


def test_the_list_shows_own_operations_only(reseller, outsider):
    OperationFactory(title="Own work", tenant=reseller.tenant)
    OperationFactory(title="Foreign work", tenant=outsider.tenant)

    response = reseller.client().get(reverse(LIST))

    assertContains(response, "Own work")
    assertNotContains(response, "Foreign work")


def test_what_runs_stands_above_what_has_ended(provider):
    OperationFactory(title="Newer, ended", state=Operation.State.SUCCEEDED, ended_at=timezone.now())
    running = OperationFactory(title="Still running", state=Operation.State.RUNNING)
    OperationFactory(title="Newest, ended", state=Operation.State.FAILED, ended_at=timezone.now())

    page = provider.client().get(reverse(LIST)).content.decode()

    assert page.index("Still running") < page.index("Newest, ended") < page.index("Newer, ended")
    assert page.count(reverse(DETAIL, args=[running.pk])) == 1


@pytest.mark.parametrize(
    ("query", "shown"),
    [({"q": "run"}, {"Runner"}), ({"state": "failed"}, {"Loser"}), ({"person": "ada"}, {"Loser"})],
)
def test_filters_narrow_the_list(provider, query, shown):
    OperationFactory(title="Runner", state=Operation.State.SUCCEEDED)
    OperationFactory(title="Loser", state=Operation.State.FAILED, started_by_label="Ada <ada@example.com>")

    page = provider.client().get(reverse(LIST), query, headers=PARTIAL).content.decode()

    assert {title for title in ("Runner", "Loser") if title in page} == shown


def test_an_empty_list_says_what_to_do(provider):
    assertContains(provider.client().get(reverse(LIST)), "Nothing has been started yet")


def test_a_foreign_operation_is_not_there(reseller, outsider):
    assert detail(reseller, OperationFactory(tenant=outsider.tenant)).status_code == 404


def test_the_page_tells_how_far_each_item_is(reseller):
    operation = OperationFactory(tenant=reseller.tenant, state=Operation.State.RUNNING, items_total=1)
    item = OperationItemFactory(
        operation=operation,
        state=OperationItem.State.FOLLOWING,
        progress_done=312,
        progress_total=1204,
        progress_text="312 of 1,204 files",
    )

    response = detail(reseller, operation)

    assertContains(response, f'id="operation-item-{item.pk}-progress"', count=1)
    assertContains(response, f'id="operation-{operation.pk}-progress"', count=1)
    assertContains(response, '<progress max="100" value="25"')
    assertContains(response, "25 %, 312 of 1,204 files")


def test_what_stands_still_says_since_when(reseller):
    at = timezone.now().replace(hour=10, minute=42, second=10)
    item = OperationItemFactory(
        operation__tenant=reseller.tenant,
        state=OperationItem.State.CLAIMED,
        server_name="comet-2",
        stalled=True,
        progress_at=at,
    )

    page = " ".join(detail(reseller, item.operation).content.decode().split())

    assert "No news from comet-2 since <time" in page
    assert "data-clock>10:42:10</time>" in page


def test_an_item_that_waits_says_why_and_until_when(reseller):
    item = OperationItemFactory(
        operation__tenant=reseller.tenant,
        error="comet-2: no answer.",
        run_after=timezone.now(),
        attempts=1,
    )

    response = detail(reseller, item.operation)

    assertContains(response, "Waiting to try again")
    assertContains(response, "comet-2: no answer. Trying again at")


def test_items_are_narrowed_by_state(reseller):
    operation = OperationFactory(tenant=reseller.tenant, items_total=2)
    OperationItemFactory(operation=operation, label="Good one", state=OperationItem.State.SUCCEEDED)
    OperationItemFactory(operation=operation, label="Bad one", state=OperationItem.State.FAILED)

    page = detail(reseller, operation, query_params={"state": "failed"}, headers=PARTIAL)

    assertContains(page, "Bad one")
    assertNotContains(page, "Good one")


def test_the_job_an_item_follows_is_one_click_away(reseller):
    item = OperationItemFactory(operation__tenant=reseller.tenant, result={"job_id": 77})

    assertContains(detail(reseller, item.operation), reverse("jobs:job-detail", args=[77]))


def test_cancelling_by_the_button(reseller):
    item = OperationItemFactory(operation__tenant=reseller.tenant, operation__items_total=1)
    client = reseller.client()
    url = reverse(CANCEL, args=[item.operation_id])
    assertContains(client.get(reverse(DETAIL, args=[item.operation_id])), url)

    response = client.post(url)

    item.refresh_from_db()
    assert response.url == reverse(DETAIL, args=[item.operation_id])
    assert item.state == OperationItem.State.CANCELLED


def test_cancelling_needs_the_permission_and_an_own_operation(customer, reseller, outsider):
    own = OperationItemFactory(operation__tenant=customer.tenant).operation
    url = reverse(CANCEL, args=[own.pk])

    assert customer.client().post(url).status_code == 403
    assert outsider.client().post(url).status_code == 404
    assert reseller.client().get(url).status_code == 405
    assertNotContains(detail(customer, own), url)


def test_the_pill_counts_what_the_reader_may_see(begin, technician, outsider, rf):
    from portal.accounts.access import access_for

    OperationFactory(state=Operation.State.RUNNING, progress_done=1, progress_total=4)
    OperationFactory(state=Operation.State.RUNNING, progress_done=3, progress_total=4)
    run_item(begin().items.get().pk)  # has ended

    assert running_summary(access_for(technician.user)) == (2, 50)
    assert running_summary(access_for(outsider.user)) == (0, None)
    assert running_summary(NO_ACCESS) == (0, None)


def test_rows_and_items_do_not_cost_queries(provider, django_assert_max_num_queries):
    client = provider.client()
    operation = OperationFactory(items_total=30)
    for _ in range(30):
        OperationFactory(state=Operation.State.SUCCEEDED)
        OperationItemFactory(operation=operation)

    with django_assert_max_num_queries(25):
        client.get(reverse(LIST))
    with django_assert_max_num_queries(25):
        client.get(reverse(DETAIL, args=[operation.pk]))
