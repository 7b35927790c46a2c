from django.urls import path

from portal.fleet import views, views_people

app_name = "fleet"
urlpatterns = [
    path("devices/", views.device_list, name="device-list"),
    path("devices/export/", views.device_export, name="device-export"),
    path("devices/backup/confirm/", views.backup_confirm, name="backup-confirm"),
    path("devices/backup/run/", views.backup_run, name="backup-run"),
    path("devices/<int:pk>/", views.device_detail, name="device-detail"),
    path("devices/<int:pk>/people/", views_people.device_people, name="device-people"),
    path("users/", views.user_list, name="user-list"),
    path("users/export/", views.user_export, name="user-export"),
    path("users/<int:pk>/", views.user_detail, name="user-detail"),
]
