from django.urls import path

from portal.operations import views

app_name = "operations"
urlpatterns = [
    path("operations/", views.operation_list, name="operation-list"),
    path("operations/<int:pk>/", views.operation_detail, name="operation-detail"),
    path("operations/<int:pk>/cancel/", views.operation_cancel, name="operation-cancel"),
]
