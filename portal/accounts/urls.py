"""People, and sign-in by django-allauth: only those of its pages that are offered here."""

from django.urls import path

from portal.accounts import views, views_security

app_name = "accounts"
urlpatterns = [
    path("people/", views.person_list, name="person-list"),
    path("people/invite/", views.person_invite, name="person-invite"),
    path("people/roles/<int:pk>/remove/", views.membership_remove, name="membership-remove"),
    path("invitations/<int:pk>/revoke/", views.invitation_revoke, name="invitation-revoke"),
    path("invitations/<str:token>/", views.invitation_accept, name="invitation-accept"),
    path("settings/", views.settings, name="settings"),
    path("settings/security/", views_security.security, name="security"),
    path("settings/security/sessions/end/", views_security.sessions_end, name="sessions-end"),
    path("settings/security/sessions/<int:pk>/end/", views_security.session_end, name="session-end"),
    path("settings/confirmed/", views_security.kept_form, name="kept-form"),
]
