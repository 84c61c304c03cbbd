"""The addresses of the project."""

from django.urls import include, path

urlpatterns = [path("", include("polls.urls"))]
