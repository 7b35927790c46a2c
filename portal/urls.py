"""Every address of the portal, room by room."""

from django.urls import include, path

urlpatterns = [
    path("", include("portal.core.urls")),
    path("", include("portal.overview.urls")),
    path("", include("portal.jobs.urls")),
    path("", include("portal.fleet.urls")),
    path("", include("portal.live.urls")),
    path("", include("portal.alerts.urls")),
    path("", include("portal.operations.urls")),
    path("", include("portal.servers.urls")),
    path("", include("portal.sso.urls")),
    path("", include("portal.placing.urls")),
    path("", include("portal.tenants.urls")),
    path("", include("portal.accounts.urls")),
    path("", include("portal.audit.urls")),
    path("", include("portal.api.urls")),
    path("accounts/", include("portal.accounts.signin_urls")),
]
handler500 = "portal.core.views.server_error"
handler400 = "portal.core.views.bad_request"
handler429 = "portal.core.views.too_many_requests"
handler403 = "portal.core.views.permission_denied"
