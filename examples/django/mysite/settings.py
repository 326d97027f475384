"""Django's settings: what concerns hotconf are the three names that begin the file."""

from __future__ import annotations

INSTALLED_APPS = ["hotconf.integrations.django.HotConf", "mysite"]
MIDDLEWARE = ["hotconf.integrations.django.HotConfMiddleware"]
HOTCONF = "mysite.config.watcher"

ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
DEBUG = True
ROOT_URLCONF = "mysite.urls"
SECRET_KEY = "of an example"  # noqa: S105
