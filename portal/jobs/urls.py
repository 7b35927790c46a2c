from django.urls import path

from portal.jobs import stuck_views, views

app_name = "jobs"
urlpatterns = [
    path("attention/", views.attention, name="attention"),
    path("attention/confirm/", views.attention_confirm, name="attention-confirm"),
    path("attention/run/", views.attention_run, name="attention-run"),
    path("jobs/", views.job_list, name="job-list"),
    path("jobs/stuck/", stuck_views.stuck_list, name="stuck-list"),
    path("jobs/stuck/plan/", stuck_views.stuck_plan, name="stuck-plan"),
    path("jobs/stuck/run/", stuck_views.stuck_run, name="stuck-run"),
    path("jobs/export/", views.job_export, name="job-export"),
    path("jobs/<int:pk>/", views.job_detail, name="job-detail"),
    path("jobs/<int:pk>/log/", views.job_log, name="job-log"),
    path("jobs/<int:pk>/log/text/", views.job_log_text, name="job-log-text"),
    path("jobs/<int:pk>/cancel/", views.job_cancel, name="job-cancel"),
]
