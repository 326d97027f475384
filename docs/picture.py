"""Draws `app.svg`: the app itself, on a configuration of its own, after a good save and a broken one."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
import time
from contextlib import closing
from pathlib import Path

from hotconf.speckit import SPECKIT
from hotconf.tui.app import HotconfApp
from hotconf.tui.session import Session

GOOD = """\
[hot_reload]
debounce_ms = 100

[[agents]]
name = "gemini"
command = "gemini"

[[agents]]
name = "claude"
command = "claude"

[quality_gates]
plan = ["gemini", "claude"]
audit = ["claude"]

[cost]
daily_limit_usd = 10.0

[validation]
check_commands = false
"""
BETTER = GOOD.replace("10.0", "20.0").replace('["gemini", "claude"]', '["claude"]')
BROKEN = BETTER.replace("20.0", '"25"')


async def _picture(path: Path) -> str:
    with closing(Session(path, lambda: SPECKIT)) as session:
        app = HotconfApp(session)
        async with app.run_test(size=(114, 32)) as pilot:
            await _until(pilot, lambda: app.view.facts.generation == 1)
            path.write_text(BETTER)
            await _until(pilot, lambda: app.view.facts.generation == 2)
            path.write_text(BROKEN)
            await _until(pilot, lambda: "failed" in app.export_screenshot())
            await pilot.pause(0.5)
            picture = app.export_screenshot(title="hotconf run")
            # Whoever looks at it should not have to fetch a font from anywhere.
            return re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)


async def _until(pilot: object, condition: object) -> None:
    deadline = time.monotonic() + 20
    while not condition():  # type: ignore[operator]
        if time.monotonic() > deadline:
            raise TimeoutError
        await pilot.pause(0.05)  # type: ignore[attr-defined]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        os.environ["HOME"] = home
        main = Path(home) / ".code" / "config.toml"
        main.parent.mkdir()
        main.write_text(GOOD)
        Path(__file__).with_name("app.svg").write_text(asyncio.run(_picture(main)), encoding="utf-8")
