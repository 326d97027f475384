"""Works off jobs, and logs as `config.toml` says: `python app.py`, then change a level or a handler."""

from __future__ import annotations

import logging
from typing import Any

from pydantic import BaseModel

from hotconf import HotReloadSettings, HotReloadWatcher
from hotconf.integrations.logging import configure

log = logging.getLogger("app.jobs")


class Config(BaseModel, frozen=True):
    """What the file may say; `logging` is a table of `logging.config.dictConfig`."""

    jobs: int = 3
    logging: dict[str, Any] = {}
    hot_reload: HotReloadSettings = HotReloadSettings()


watcher = HotReloadWatcher("config.toml", Config)
configure(watcher, "logging")


def main() -> None:
    """Log what is done whenever the file is saved, until Ctrl+C."""
    with watcher, watcher.subscribe() as events:
        work(watcher.config.jobs)
        for _ in events:
            work(watcher.config.jobs)


def work(jobs: int) -> None:
    """Pretend to."""
    for number in range(jobs):
        log.debug("job %d begins", number)
    log.info("%d jobs are done", jobs)


if __name__ == "__main__":
    main()
