"""One page."""

from __future__ import annotations

from django.urls import path

from .views import greet

urlpatterns = [path("", greet)]
