from django.urls import URLPattern

app_name = "servers"
urlpatterns: list[URLPattern] = []
