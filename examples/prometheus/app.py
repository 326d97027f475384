"""Metrics of all workers in each scrape, in prometheus_client's multiprocess mode. In this folder:

`mkdir -p metrics && PROMETHEUS_MULTIPROC_DIR=metrics gunicorn --workers 2 app:application`
"""

# pyright: basic
# Parts of prometheus_client come without types.

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, make_wsgi_app
from prometheus_client.multiprocess import MultiProcessCollector
from pydantic import BaseModel

from hotconf import HotReloadWatcher
from hotconf.integrations.prometheus import Collector


class Config(BaseModel, frozen=True):
    """What the file may say."""

    greeting: str = "hello"


# The workers say how they are in files of the state directory; each scrape reads them all.
watcher = HotReloadWatcher("config.toml", Config, state_dir="state")
watcher.start()

GREETINGS = Counter("greetings", "Greetings served.")  # one of the program's own
GREETINGS.inc()

registry = CollectorRegistry()
MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
registry.register(Collector(watcher))
application = make_wsgi_app(registry)
