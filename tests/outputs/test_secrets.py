"""A planted secret appears in no output, whatever is wrong with the file that holds it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from hotconf import Schema
from outputs.scene import OUTPUTS, Scene
from torture.extent import FULL, thinned
from watcher.test_secrets import BAD, GOOD, MARK, ROTATED, Secretive, check

SCHEMA = Schema(Secretive, checks=[check], template=GOOD)
SAVES = {
    "rotated": ROTATED,
    **BAD,
    "a number": GOOD.replace('"S3CR3T-1234"', "5"),  # nothing tells that `more` is secret, so its line is shown
}
SLOW = {"watch", "watch as json", "app"}


def chosen(name: str, row: int) -> Iterable[str]:
    """Which saves go through an output: all of them in full."""
    if name in SLOW and not FULL:
        return ("rotated", "an open string")[row % 2 :][:1]
    return thinned(list(SAVES), 10, row)


@pytest.mark.parametrize(
    ("name", "save"), [(name, save) for row, name in enumerate(OUTPUTS) for save in chosen(name, row)]
)
def test_secrets(tmp_path: Path, name: str, save: str) -> None:
    """Secrets of every kind, before and after a save, through every output."""
    after = SAVES[save].encode("utf-8", "surrogateescape")
    scene = Scene(tmp_path / "config.toml", SCHEMA, "outputs.test_secrets:SCHEMA", GOOD.encode(), after)
    scene.lay()
    assert MARK not in OUTPUTS[name](scene)
