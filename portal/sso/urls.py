from django.urls import path

from portal.sso import views

app_name = "sso"
urlpatterns = [
    path("sso/servers/<int:pk>/", views.server_launch, name="server-launch"),
    path(
        "sso/servers/<int:server_pk>/organizations/<int:pk>/",
        views.organization_launch,
        name="organization-launch",
    ),
    path("sso/users/<int:pk>/", views.user_launch, name="user-launch"),
    path("sso/launches/ended/", views.launch_ended, name="launch-ended"),
    path("sso/launches/<uuid:pk>/", views.launch_embedded, name="launch-embedded"),
    path("sso/launches/<uuid:pk>/key/", views.launch_key, name="launch-key"),
    path("sso/launches/<uuid:pk>/end/", views.launch_end, name="launch-end"),
]
