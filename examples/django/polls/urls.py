"""The addresses of the polls."""

from django.urls import path

from . import views

urlpatterns = [path("", views.index), path("<slug:poll>/vote/", views.vote)]
