"""A planted secret appears in no output, whatever is wrong with the file that holds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotconf import Schema
from outputs.scene import OUTPUTS, Scene
from torture.extent import FULL
from watcher.test_secrets import BAD, GOOD, MARK, ROTATED, Secretive, check

SCHEMA = Schema(Secretive, checks=[check])
SAVES = {
    "rotated": ROTATED,
    **BAD,
    "a number": GOOD.replace('"S3CR3T-1234"', "5"),  # nothing tells that `more` is secret, so its line is shown
}
SLOW = {"watch", "watch as json", "app"}
SLOW_SAVES = SAVES if FULL else {name: SAVES[name] for name in ("rotated", "an open string")}


@pytest.mark.parametrize("name", OUTPUTS)
def test_secrets(tmp_path: Path, name: str) -> None:
    """Secrets of every kind, before and after a save, through every output."""
    for count, (save, after) in enumerate((SLOW_SAVES if name in SLOW else SAVES).items()):
        directory = tmp_path / str(count)
        directory.mkdir()
        encoded = after.encode("utf-8", "surrogateescape")
        scene = Scene(directory / "config.toml", SCHEMA, "outputs.test_secrets:SCHEMA", GOOD.encode(), encoded)
        scene.lay()
        assert MARK not in OUTPUTS[name](scene), save
