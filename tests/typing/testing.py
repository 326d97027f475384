"""How the test kit is seen by type checkers. Nobody runs this; mypy and pyright read it.

Each `type: ignore` stands where a mistake must be found.
"""

from __future__ import annotations

from typing import assert_type

from pydantic import BaseModel, TypeAdapter

from hotconf import Ending, HotReloadWatcher
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
    hotconf_watcher(App, "port = 1", windows=3)  # type: ignore[call-arg]
    hotconf_watcher(App, "port = 1", format="ini")  # type: ignore[arg-type]


async def by_hand() -> None:
    """Both ways to enter it give the handle."""
    with watching(App, "port = 1") as handle:
        assert_type(handle, WatcherHandle[App])
    async with watching(App, "port = 1", directory=".") as handle:
        assert_type(handle.config, App)
        assert_type(await handle.aset("port = 3"), Ending)
        assert_type(await handle.aedit(port=3), Ending)
