from django.urls import path

from portal.servers import views

app_name = "servers"
urlpatterns = [
    path("servers/", views.server_list, name="server-list"),
    path("servers/link/", views.server_link, name="server-link"),
    path("servers/<int:pk>/", views.server_detail, name="server-detail"),
    path("servers/<int:pk>/edit/", views.server_edit, name="server-edit"),
    path("servers/<int:pk>/sync/", views.server_sync, name="server-sync"),
    path("servers/<int:pk>/unlink/", views.server_unlink, name="server-unlink"),
]
