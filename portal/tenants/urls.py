from django.urls import path

from portal.tenants import views

app_name = "tenants"
urlpatterns = [
    path("tenants/", views.tenant_list, name="tenant-list"),
    path("tenants/options/", views.tenant_options, name="tenant-options"),
    path("tenants/switch/", views.tenant_switch, name="tenant-switch"),
    path("tenants/new/", views.tenant_create, name="tenant-create"),
    path("tenants/<int:pk>/", views.tenant_detail, name="tenant-detail"),
]
