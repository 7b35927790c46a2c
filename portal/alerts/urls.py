from django.urls import path

from portal.alerts import views, views_rules

app_name = "alerts"
urlpatterns = [
    path("alerts/", views.alert_list, name="alert-list"),
    path("alerts/count/", views.alert_count, name="alert-count"),
    path("alerts/handle/", views.alert_handle, name="alert-handle"),
    path("alerts/handled/<int:pk>/undo/", views.handling_undo, name="handling-undo"),
    path("alerts/rules/", views_rules.rules_list, name="rules-list"),
    path("alerts/rules/<int:pk>/", views_rules.rules_detail, name="rules-detail"),
    path("alerts/rules/<int:pk>/webhook/", views_rules.hook_save, name="hook-save"),
    path("alerts/rules/<int:pk>/test/", views_rules.hook_test, name="hook-test"),
    path("alerts/mail/", views_rules.mail_choice, name="mail-choice"),
    path("alerts/<int:pk>/", views.alert_detail, name="alert-detail"),
]
