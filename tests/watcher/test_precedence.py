"""Which of two layers wins: the table of precedence, every pair of it."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from pydantic import AliasChoices, BaseModel, Field

from hotconf import DotEnv, Env, Flags, HotReloadSettings, HotReloadWatcher, Profile, SecretsDir

ORDER = [
    "default",
    "main file",
    "fragment",
    "profile",
    "secrets directory",
    ".env",
    "environment",
    "flags",
    "override",
]
"""Weakest first, as the documentation has it."""
LAYERS = [*ORDER[:-1], "mapping", ORDER[-1]]
DOCUMENTED = Path(__file__).parents[2] / "docs/layers.md"
PAIRS = list(combinations(LAYERS, 2))


class Server(BaseModel, frozen=True):
    port: int = Field(0, validation_alias=AliasChoices("port", "listen"))
    host: str = ""


class App(BaseModel, frozen=True):
    server: Server = Server()
    hot_reload: HotReloadSettings = HotReloadSettings()


class Scene:
    """All layers, of which some set the port."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.mapping: dict[str, Any] = {}
        self.flags: dict[str, Any] = {}
        self.override: dict[str, Any] = {}
        self.environment = monkeypatch
        (root / "config.toml").write_text("hot_reload.watch_paths = ['over.toml']\n")
        (root / "over.toml").write_text("# nothing\n")
        (root / ".env").write_text("# nothing\n")
        (root / "config.dev.toml").write_text("# nothing\n")
        (root / "secrets").mkdir()

    def set(self, layer: str, number: int, key: str) -> str:
        """Let `layer` say so; where that is."""
        if layer == "default":
            return "default"
        if layer == "main file":
            (self.root / "config.toml").write_text(
                f"[hot_reload]\nwatch_paths = ['over.toml']\n[server]\n{key} = {number}\n"
            )
            return f"config.toml:4:{len(key) + 4}"
        if layer == "fragment":
            (self.root / "over.toml").write_text(f"[server]\n{key} = {number}\n")
            return f"over.toml:2:{len(key) + 4}"
        if layer == "profile":
            (self.root / "config.dev.toml").write_text(f"[server]\n{key} = {number}\n")
            return f"config.dev.toml:2:{len(key) + 4}"
        if layer == "secrets directory":
            (self.root / "secrets" / f"server__{key}").write_text(f"{number}\n")
            return f"secrets/server__{key}"
        if layer == ".env":
            (self.root / ".env").write_text(f"APP_SERVER__{key.upper()}={number}\n")
            return ".env:1"
        if layer == "environment":
            self.environment.setenv(f"APP_SERVER__{key.upper()}", str(number))
            return f"$APP_SERVER__{key.upper()}"
        if layer == "flags":
            self.flags = {f"server__{key}": number}
            return f"flags[server__{key}]"
        if layer == "override":
            self.override = {f"server.{key}": number}
            return "override"
        self.mapping = {"server": {key: number}}
        return "layers[5]"


def test_the_documented_order_is_the_one_that_is_tried() -> None:
    """Each line of it names one of those whose pairs are tried below, in the same order."""
    section = DOCUMENTED.read_text().partition("\n## Precedence\n")[2].partition("\n## ")[0]
    found = re.findall(r"^\d+\. (.*)$", section, re.MULTILINE)
    lines = [line for line in found if "(restart.md)" not in line]  # which layer wins there is no matter of pairs
    assert len(lines) == len(ORDER)
    assert all(name in line for name, line in zip(ORDER, lines, strict=True)), lines


@pytest.mark.parametrize(("weak_key", "strong_key"), [("port", "port"), ("port", "listen"), ("listen", "port")])
@pytest.mark.parametrize(("weak", "strong"), PAIRS)
def test_the_stronger_of_two_layers_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weak: str, strong: str, weak_key: str, strong_key: str
) -> None:
    """However each spells the key; both answer, the winner first."""
    monkeypatch.chdir(tmp_path)
    scene = Scene(tmp_path, monkeypatch)
    places = [scene.set(strong, 2, strong_key), scene.set(weak, 1, weak_key)]
    of_files = [Profile("dev"), SecretsDir("secrets"), DotEnv(".env", "APP_")]
    layers = [*of_files, Env("APP_"), Flags(scene.flags), scene.mapping]
    with HotReloadWatcher("config.toml", App, layers=layers) as watcher, watcher.override(scene.override):
        assert watcher.config.server.port == 2
        assert not watcher.warnings
        answers = [answer.origin.where for answer in watcher.snapshot.explain("server.port")]
        assert answers == [place for place in places if place != "default"]
