"""The read API, its description, and the page about it."""

from django.urls import path

from portal.api import views, views_about

app_name = "api"
urlpatterns = [
    path("api/", views_about.docs, name="docs"),
    path("api/v1/openapi.json", views_about.openapi, name="openapi"),
    path("api/v1/servers", views.server_list, name="server-list"),
    path("api/v1/servers/<int:id>", views.server_detail, name="server-detail"),
    path("api/v1/devices", views.device_list, name="device-list"),
    path("api/v1/devices/<int:id>", views.device_detail, name="device-detail"),
    path("api/v1/jobs", views.job_list, name="job-list"),
    path("api/v1/jobs/<int:id>", views.job_detail, name="job-detail"),
    path("api/v1/", views.nothing_here, {"rest": ""}, name="root"),
    path("api/v1/<path:rest>", views.nothing_here, name="nothing-here"),
]
