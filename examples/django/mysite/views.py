"""It greets."""

from __future__ import annotations

import os

from django.http import HttpRequest, JsonResponse

from hotconf.integrations.django import pinned, view

from .config import shelf, watcher


def greet(request: HttpRequest) -> JsonResponse:
    """Both are of one generation, whatever is saved meanwhile."""
    greeting, name = pinned(request, watcher).greeting, view(request, watcher)[shelf].read()
    return JsonResponse({"greeting": greeting, "shelf": name, "process": os.getpid()})
