"""People, and sign-in by django-allauth: only those of its pages that are offered here."""

from django.urls import path

from portal.accounts import (
    views,
    views_people,
    views_roles,
    views_second_factor,
    views_security,
    views_tokens,
    views_viewing,
)

app_name = "accounts"
urlpatterns = [
    path("people/", views.person_list, name="person-list"),
    path("people/invitations/", views.invitation_list, name="invitation-list"),
    path("people/invite/", views.person_invite, name="person-invite"),
    path("people/<int:pk>/", views_people.person_detail, name="person-detail"),
    path("people/<int:pk>/roles/give/", views_people.role_give, name="role-give"),
    path("people/<int:pk>/close/", views_people.person_close, name="person-close"),
    path("people/<int:pk>/reopen/", views_people.person_reopen, name="person-reopen"),
    path("people/<int:pk>/view-as/", views_viewing.view_as_person, name="view-as-person"),
    path("people/roles/<int:pk>/remove/", views_people.membership_remove, name="membership-remove"),
    path("people/roles/<int:pk>/except/", views_people.membership_except, name="membership-except"),
    path("roles/", views_roles.role_list, name="role-list"),
    path("roles/new/", views_roles.role_create, name="role-create"),
    path("roles/<int:pk>/", views_roles.role_detail, name="role-detail"),
    path("roles/<int:pk>/delete/", views_roles.role_delete, name="role-delete"),
    path("view-as/", views_viewing.view_as, name="view-as"),
    path("view-as/stop/", views_viewing.view_as_stop, name="view-as-stop"),
    path("people/second-factor/", views_second_factor.factor_rules, name="factor-rules"),
    path(
        "people/second-factor/<int:pk>/remove/",
        views_second_factor.factor_rule_remove,
        name="factor-rule-remove",
    ),
    path("people/<int:pk>/security/", views_second_factor.person_security, name="person-security"),
    path(
        "people/<int:pk>/factors/reset/",
        views_second_factor.person_factors_reset,
        name="person-factors-reset",
    ),
    path(
        "people/<int:pk>/sessions/end/", views_second_factor.person_sessions_end, name="person-sessions-end"
    ),
    path("invitations/<int:pk>/revoke/", views.invitation_revoke, name="invitation-revoke"),
    path("invitations/<str:token>/", views.invitation_accept, name="invitation-accept"),
    path("settings/", views.settings, name="settings"),
    path("settings/security/", views_security.security, name="security"),
    path("settings/security/sessions/end/", views_security.sessions_end, name="sessions-end"),
    path("settings/security/sessions/<int:pk>/end/", views_security.session_end, name="session-end"),
    path("settings/security/needed/", views_second_factor.factor_needed, name="factor-needed"),
    path("settings/tokens/", views_tokens.token_list, name="token-list"),
    path("settings/tokens/new/", views_tokens.token_make, name="token-make"),
    path("tenants/<int:pk>/tokens/", views_tokens.tenant_token_list, name="tenant-token-list"),
    path("tenants/<int:pk>/tokens/new/", views_tokens.tenant_token_make, name="tenant-token-make"),
    path("tokens/", views_tokens.token_overview, name="token-overview"),
    path("tokens/<int:pk>/revoke/", views_tokens.token_revoke, name="token-revoke"),
    path("settings/security/proof/", views_security.proof_needed, name="proof-needed"),
    path("settings/confirmed/", views_security.kept_form, name="kept-form"),
]
