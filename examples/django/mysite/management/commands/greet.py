"""`python manage.py greet`."""

from __future__ import annotations

from django.core.management.base import BaseCommand

from mysite.config import watcher


class Command(BaseCommand):
    """Reads the configuration as any program does."""

    help = "Greets as config.toml says"

    def handle(self, *arguments: object, **options: object) -> None:
        """Of Django."""
        self.stdout.write(watcher.config.greeting)
