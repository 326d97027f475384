"""A task that reads the configuration: `celery -A tasks worker` in this folder, a save, and in another terminal

`python -c "from tasks import price; print(price.delay(100).get()['price'])"`.
"""

# pyright: basic
# Celery comes without types.

from __future__ import annotations

import os
from pathlib import Path

from celery import Celery
from pydantic import BaseModel

from hotconf import HotReloadWatcher
from hotconf.integrations.celery import start_in_workers


class Config(BaseModel, frozen=True):
    """What the file may say."""

    rate: float = 1.0


# A broker that needs no server, for this example: with one it is broker="redis://localhost".
HERE = Path(__file__).parent
for folder in ("queue", "results"):
    (HERE / folder).mkdir(exist_ok=True)
app = Celery("tasks", broker="filesystem://", backend=f"file://{HERE / 'results'}")
app.conf.broker_transport_options = {
    "data_folder_in": str(HERE / "queue"),
    "data_folder_out": str(HERE / "queue"),
    "control_folder": str(HERE / "queue"),
    "polling_interval": 0.05,
}

watcher = HotReloadWatcher(HERE / "config.toml", Config)
start_in_workers(watcher)


@app.task  # type: ignore[untyped-decorator]
def price(cents: int) -> dict[str, float]:
    """A whole task sees one generation, whatever is saved meanwhile."""
    with watcher.pin() as view:
        return {"price": cents * view.config.rate, "process": os.getpid()}
