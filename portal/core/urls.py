from django.urls import path

from portal.core import policy_reports, views

app_name = "core"
urlpatterns = [
    path("healthz", views.healthz, name="healthz"),
    path("policy-report", policy_reports.policy_report, name="policy-report"),
]
