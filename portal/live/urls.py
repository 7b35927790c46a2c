from django.urls import path

from portal.live import views

app_name = "live"
urlpatterns = [
    path("activity/", views.activity, name="activity"),
    path("activity/<int:pk>/", views.event_detail, name="event-detail"),
    path("pills/", views.pills, name="pills"),
]
