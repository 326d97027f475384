"""Draws `app.svg`: the app on the configuration of a small shop, after a good save and a broken one."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from pydantic import BaseModel, Field, SecretStr
from textual.pilot import Pilot

from hotconf import Env, HotReloadWatcher
from hotconf.tui.app import HotconfApp
from hotconf.tui.session import Session


class Server(BaseModel, frozen=True):
    """Where it listens."""

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = Field(4, ge=1, le=64)


class Database(BaseModel, frozen=True):
    """Where it keeps what it sells."""

    url: str = "postgres://localhost/shop"
    password: SecretStr = SecretStr("")
    pool_size: int = 5
    timeout_s: float = 5.0


class Limits(BaseModel, frozen=True):
    """What one customer may do."""

    requests_per_minute: int = 600
    page_size: int = 50
    upload_mb: int = 10


class Shop(BaseModel, frozen=True):
    """All of it."""

    name: str = "shop"
    languages: tuple[str, ...] = ("en",)
    server: Server = Server()
    database: Database = Database()
    limits: Limits = Limits()


GOOD = """\
name: Corner shop
languages: [en, de, ja]

server:
  host: 0.0.0.0
  port: 8080

database:
  url: postgres://db.internal/shop
  password: correct-horse
  pool_size: 10

limits:
  page_size: 20
"""
BETTER = GOOD.replace("pool_size: 10", "pool_size: 25").replace("page_size: 20", "page_size: 40")
BROKEN = BETTER.replace("[en, de, ja]", "[en, de, ja")


async def _picture(path: Path) -> str:
    def options() -> object:
        return HotReloadWatcher(path, Shop, layers=[Env("SHOP_")], debounce_ms=100)._reloader.options

    with closing(Session(path, options)) as session:  # type: ignore[arg-type]
        app = HotconfApp(session)
        async with app.run_test(size=(120, 32)) as pilot:
            await _until(pilot, lambda: app.view.facts.generation == 1)
            path.write_text(BETTER)
            await _until(pilot, lambda: app.view.facts.generation == 2)
            path.write_text(BROKEN)
            await _until(pilot, lambda: "failed" in app.export_screenshot())
            await pilot.pause(0.5)
            picture = app.export_screenshot(title="hotconf run --app shop:watcher")
            # Whoever looks at it should not have to fetch a font from anywhere.
            return re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)


async def _until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        await pilot.pause(0.05)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(HOME=home, SHOP_SERVER__WORKERS="8", COLORTERM="truecolor", TERM="xterm-256color")
        os.environ.pop("NO_COLOR", None)
        main = Path(home) / "config.yaml"
        main.write_text(GOOD)
        picture = asyncio.run(_picture(main))
        elsewhere = ("/srv/corner-shop" * 9)[: len(home)]  # of the same length, for the columns
        Path(__file__).with_name("app.svg").write_text(picture.replace(home, elsewhere), encoding="utf-8")
