"""The addresses of the API. Each takes what a token may do and gives a shape; `endpoint` does the rest."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from portal.api import selectors, shapes
from portal.api.endpoint import endpoint
from portal.api.problems import no_address
from portal.api.queries import DeviceQuery, JobQuery, NoQuery, ServerQuery
from portal.core.access import Access, public
from portal.fleet.selectors import list_devices
from portal.jobs.selectors import list_jobs


@endpoint("server:view", query=ServerQuery, answer=shapes.ServerPage)
def server_list(access: Access, query: ServerQuery) -> shapes.ServerPage:
    """List Comet Servers

    Linked Comet Servers that belong to the tenants of this token, by id.
    """
    page = selectors.find_servers(access, query)
    return shapes.ServerPage([selectors.server_shape(row) for row in page.rows], page.next_cursor)


@endpoint("server:view", query=NoQuery, answer=shapes.Server)
def server_detail(access: Access, query: NoQuery, id: int) -> shapes.Server:
    """Get one Comet Server

    By its number in the portal.
    """
    return selectors.server_shape(selectors.servers(access).get_for(access, "server:view", pk=id))


@endpoint("device:view", query=DeviceQuery, answer=shapes.DevicePage)
def device_list(access: Access, query: DeviceQuery) -> shapes.DevicePage:
    """List Devices

    Devices in the tenants of this token, by id.
    """
    page = selectors.find_devices(access, query)
    return shapes.DevicePage([selectors.device_shape(row) for row in page.rows], page.next_cursor)


@endpoint("device:view", query=NoQuery, answer=shapes.Device)
def device_detail(access: Access, query: NoQuery, id: int) -> shapes.Device:
    """Get one Device

    By its number in the portal.
    """
    return selectors.device_shape(list_devices(access).get_for(access, "device:view", pk=id))


@endpoint("job:view", query=JobQuery, answer=shapes.JobPage)
def job_list(access: Access, query: JobQuery) -> shapes.JobPage:
    """List Jobs

    Jobs in the tenants of this token, those that began last first.
    """
    page = selectors.find_jobs(access, query)
    return shapes.JobPage([selectors.job_shape(row) for row in page.rows], page.next_cursor)


@endpoint("job:view", query=NoQuery, answer=shapes.Job)
def job_detail(access: Access, query: NoQuery, id: int) -> shapes.Job:
    """Get one Job

    By its number in the portal.
    """
    return selectors.job_shape(list_jobs(access).get_for(access, "job:view", pk=id))


@csrf_exempt
@require_safe
@public
def nothing_here(request: HttpRequest, rest: str) -> HttpResponse:
    """Whatever else is asked for below /api/v1/: a 404 that scripts can read."""
    return no_address(f"/api/v1/{rest[:200]}").response()
