"""How the test kit, `reload_on` and `logging` are seen by type checkers. Nobody runs this; mypy and pyright read it.

Each `type: ignore` stands where a mistake must be found.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Mapping
from typing import assert_type

from pydantic import BaseModel, TypeAdapter

from hotconf import Ending, HotReloadWatcher
from hotconf.integrations.logging import configure
from hotconf.resources.resource import Resource
from hotconf.system.handlers import SignalHandle
from hotconf.testing import MakeWatcher, WatcherHandle, watching


class App(BaseModel):
    """A configuration."""

    port: int = 8000


def fixture(hotconf_watcher: MakeWatcher) -> None:
    """The handle knows the type of the configuration."""
    handle = hotconf_watcher(App, "port = 1", format="toml", start=False, timeout_s=1, layers=[{"port": 2}])
    assert_type(handle, WatcherHandle[App])
    assert_type(handle.config, App)
    assert_type(handle.watcher, HotReloadWatcher[App])
    assert_type(hotconf_watcher(TypeAdapter(dict[str, int]), None).config, dict[str, int])
    for ending in (handle.set("port = 3"), handle.edit(port=3), handle.edit({"port": 3}), handle.break_()):
        assert_type(ending, Ending)
    hotconf_watcher(App, "port = 1", windows=3)  # type: ignore[call-arg] # pyright: ignore
    hotconf_watcher(App, "port = 1", format="ini")  # type: ignore[arg-type] # pyright: ignore


async def by_hand() -> None:
    """Both ways to enter it give the handle."""
    with watching(App, "port = 1") as handle:
        assert_type(handle, WatcherHandle[App])
    async with watching(App, "port = 1", directory=".") as handle:
        assert_type(handle.config, App)
        assert_type(await handle.aset("port = 3"), Ending)
        assert_type(await handle.aedit(port=3), Ending)


def signals(watcher: HotReloadWatcher[App]) -> None:
    """The handle is closable, and a context manager."""
    with watcher.reload_on(signal.SIGHUP) as handle:
        assert_type(handle, SignalHandle)
    handle.close()
    watcher.reload_on("SIGHUP")  # type: ignore[arg-type] # pyright: ignore


def loggers(watcher: HotReloadWatcher[App]) -> None:
    """A key, or a function of the config."""
    assert_type(configure(watcher), Resource[Mapping[str, logging.Handler]])
    configure(watcher, ("logging", "here"))
    configure(watcher, lambda config: config.port)
    configure(watcher, 3)  # type: ignore[arg-type] # pyright: ignore
