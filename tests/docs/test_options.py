"""The page of settings names every setting, with its default."""

from __future__ import annotations

import inspect
import json
import re

from docs.examples import ROOT
from hotconf import HotReloadSettings, HotReloadWatcher

PAGE = (ROOT / "docs" / "options.md").read_text(encoding="utf-8")


def table(heading: str) -> dict[str, str]:
    """The second column of the table below a heading, by the first."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", section, re.MULTILINE))


def test_the_table_of_hot_reload() -> None:
    """Its keys and defaults, as a file would have them."""
    defaults = HotReloadSettings().model_dump(mode="json")
    assert table("`hot_reload`, in the configuration") == {key: f"`{json.dumps(defaults[key])}`" for key in defaults}


def test_the_arguments_of_the_watcher() -> None:
    """Each of them, with its default."""
    parameters = list(inspect.signature(HotReloadWatcher.__init__).parameters.values())[1:]
    expected = {
        each.name: "required" if each.default is each.empty else f"`{each.default!r}`".replace("'", '"')
        for each in parameters
    }
    assert table("Arguments of the watcher") == expected


def test_every_variable_of_ours() -> None:
    """Whatever the sources read, or set for others, under a name of hotconf's own."""
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src" / "hotconf").rglob("*.py"))
    assert set(re.findall(r"\bHOTCONF_[A-Z_]+\b", source)) <= set(re.findall(r"`(HOTCONF_\w+)`", PAGE))
