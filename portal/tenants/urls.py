from django.urls import path

from portal.tenants.views import changes, switcher, trash, tree

app_name = "tenants"
urlpatterns = [
    path("tenants/", tree.tenant_list, name="tenant-list"),
    path("tenants/export/", tree.tenant_export, name="tenant-export"),
    path("tenants/options/", switcher.tenant_options, name="tenant-options"),
    path("tenants/switch/", switcher.tenant_switch, name="tenant-switch"),
    path("tenants/new/", tree.tenant_create, name="tenant-create"),
    path("tenants/trash/", trash.trash_list, name="trash-list"),
    path("tenants/trash/<int:pk>/restore/", trash.tenant_restore, name="tenant-restore"),
    path("tenants/trash/<int:pk>/purge/", trash.tenant_purge, name="tenant-purge"),
    path("tenants/<int:pk>/", tree.tenant_detail, name="tenant-detail"),
    path("tenants/<int:pk>/below/", tree.tenant_below, name="tenant-below"),
    path("tenants/<int:pk>/move/", changes.tenant_move, name="tenant-move"),
    path("tenants/<int:pk>/suspend/", changes.tenant_suspend, name="tenant-suspend"),
    path("tenants/<int:pk>/resume/", changes.tenant_resume, name="tenant-resume"),
    path("tenants/<int:pk>/delete/", changes.tenant_delete, name="tenant-delete"),
]
