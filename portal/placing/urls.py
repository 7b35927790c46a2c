from django.urls import path

from portal.placing import views

app_name = "placing"
urlpatterns = [
    path("placements/", views.placement_list, name="placement-list"),
    path("placements/users/", views.profile_list, name="profile-list"),
    path("placements/confirm/", views.placement_confirm, name="placement-confirm"),
    path("placements/place/", views.placement_place, name="placement-place"),
    path("placements/changes/", views.change_list, name="change-list"),
    path("placements/changes/<int:pk>/undo/", views.change_undo, name="change-undo"),
]
