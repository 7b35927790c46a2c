from django.urls import path

from portal.audit import views

app_name = "audit"
urlpatterns = [
    path("audit/", views.entry_list, name="entry-list"),
    path("audit/export.csv", views.entry_export_csv, name="entry-export-csv"),
    path("audit/export.jsonl", views.entry_export_jsonl, name="entry-export-jsonl"),
    path("audit/<int:pk>/", views.entry_detail, name="entry-detail"),
]
