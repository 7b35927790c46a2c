from django.urls import path

from portal.live import metrics_views, set_aside_views, stream_choice_views, views, webhook_views

app_name = "live"
urlpatterns = [
    path("activity/", views.activity, name="activity"),
    path("activity/counts/", views.activity_counts, name="activity-counts"),
    path("activity/people/", views.activity_people, name="activity-people"),
    path("activity/export.csv", views.activity_export_csv, name="activity-export-csv"),
    path("activity/export.jsonl", views.activity_export_jsonl, name="activity-export-jsonl"),
    path("activity/<int:pk>/", views.event_detail, name="event-detail"),
    path("activity/set-aside/", set_aside_views.set_aside_list, name="set-aside-list"),
    path("activity/set-aside/replay/", set_aside_views.set_aside_replay_all, name="set-aside-replay-all"),
    path("activity/set-aside/<int:pk>/", set_aside_views.set_aside_detail, name="set-aside-detail"),
    path("activity/set-aside/<int:pk>/replay/", set_aside_views.set_aside_replay, name="set-aside-replay"),
    path("activity/set-aside/<int:pk>/dismiss/", set_aside_views.set_aside_dismiss, name="set-aside-dismiss"),
    path("pills/", views.pills, name="pills"),
    path("servers/<int:pk>/webhook/", webhook_views.webhook_detail, name="webhook-detail"),
    path("servers/<int:pk>/webhook/set-up/", webhook_views.webhook_set_up, name="webhook-set-up"),
    path("servers/<int:pk>/webhook/check/", webhook_views.webhook_check, name="webhook-check"),
    path("servers/<int:pk>/webhook/remove/", webhook_views.webhook_remove, name="webhook-remove"),
    path("servers/<int:pk>/webhook/renew/", webhook_views.webhook_renew, name="webhook-renew"),
    path("servers/<int:pk>/stream/close/", stream_choice_views.stream_close, name="stream-close"),
    path("servers/<int:pk>/stream/open/", stream_choice_views.stream_open, name="stream-open"),
    path("metrics", metrics_views.metrics, name="metrics"),
    path("hooks/comet/<uuid:key>/", webhook_views.webhook_receive, name="webhook-receive"),
]
