from django.urls import path

from portal.overview import views

app_name = "overview"
urlpatterns = [
    path("", views.home, name="home"),
    path("search/", views.search, name="search"),
]
