"""Warnings in the log: each once, when it is new, with its place and what to write instead."""

from __future__ import annotations

import logging
import random
from contextlib import closing, suppress

import pytest
from pydantic import BaseModel

from hotconf import ConfigError, HotReloadSettings, HotReloadWatcher, Problem
from hotconf.logs import log, records
from waiting import wait_until


class App(BaseModel, frozen=True):
    """With unknown keys, which are warned about, and the settings of hot reload."""

    port: int = 1
    hot_reload: HotReloadSettings = HotReloadSettings()


class Free(BaseModel, frozen=True):
    """Texts."""

    port: int = 1
    log: str = ""
    dir: str = ""
    hot_reload: HotReloadSettings = HotReloadSettings()


def odd(config: App) -> list[Problem]:
    """A check that warns."""
    return (
        [Problem("port is odd", path="port", severity="warning", hint="write an even one")] if config.port % 2 else []
    )


PIECES = {
    "prot = 1": 'Unknown key: prot (did you mean "port"?)',
    "port = 3": "port is odd (write an even one)",
    'watch_paths = ["conf.d"]': "Unknown key: watch_paths (it belongs to [hot_reload])",
    '[hot_relaod]\nwatch_paths = ["conf.d"]': 'Unknown key: hot_relaod (did you mean "hot_reload"?)',
    '[hot_reload]\nwatch_path = ["conf.d"]': 'Unknown key: hot_reload.watch_path (did you mean "watch_paths"?)',
}
"""What may stand in the file, in its order, and the warning about it."""


@pytest.fixture
def warned(caplog):
    """The warnings that were logged since it was last called, without their lines."""
    caplog.set_level(logging.WARNING, "hotconf")

    def since() -> list[str]:
        wait_until(records.flush)
        texts = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        caplog.clear()
        texts = [text for text in texts if not text.startswith("Config reload failed: ")]
        assert all(text.startswith("Config warning: config.toml:") and "\n" not in text for text in texts)
        return [text.removeprefix("Config warning: ").partition(": ")[2] for text in texts]

    return since


@pytest.mark.parametrize("seed", range(5))
def test_each_warning_is_logged_when_it_is_new_and_never_again(tmp_path, warned, seed):
    """Whatever the saves are, broken ones and moved lines among them."""
    dice = random.Random(seed)
    path, before = tmp_path / "config.toml", set()
    path.write_text("")
    with closing(HotReloadWatcher(path, App, checks=[odd], allow_empty=True, observer="poll")) as watcher:
        for turn in range(25):
            chosen = [piece for piece in PIECES if dice.random() < 0.5]
            broken = turn > 0 and dice.random() < 0.2
            lines = ["# moved"] * dice.randrange(3) + ["broken"] * broken + (chosen or ["port = 2"])
            path.write_text("\n".join(lines))
            watcher.reload() if turn else watcher.start()
            expected = {PIECES[piece] for piece in chosen}
            if broken:  # of the rest of the file; nothing is checked
                new = expected - before - {PIECES["port = 3"]}
                assert sorted(warned()) == sorted(new)
                before |= new
                continue
            if "port = 3" not in chosen:
                expected |= {PIECES["port = 3"]} if watcher.config.port % 2 else set()
            assert sorted(warned()) == sorted(expected - before)
            assert {each.with_hint.partition(": ")[2] for each in watcher.warnings} == expected
            before = expected


def test_a_failure_repeats_no_warning_and_hides_none(tmp_path, warned):
    """What fails to load logs its own warnings, too, and those from before it count as logged."""
    path = tmp_path / "config.toml"
    path.write_text("prot = 1\nport = 2")
    with closing(HotReloadWatcher(path, App, observer="poll")) as watcher:
        watcher.start()
        assert warned() == [PIECES["prot = 1"]]
        for text in (
            "prot = 1\nprt = 2\nport = 'x'",
            "prot = 1\nprt = 2\nport = 'y'",
            "prot = 1\nprt = 2\nport = 2",
        ):
            path.write_text(text)
            watcher.reload()
        assert warned() == ['Unknown key: prt (did you mean "port"?)']
        path.write_text("port = 2")
        watcher.reload()
        path.write_text("prot = 1")
        watcher.reload()
        assert PIECES["prot = 1"] in warned()


def test_of_many_warnings_the_rest_are_counted(tmp_path, caplog):
    """A thousand lines at once are no help."""
    path = tmp_path / "config.toml"
    path.write_text("port = 2\n" + "".join(f"unknown{n} = 1\n" for n in range(150)))
    with closing(HotReloadWatcher(path, App, observer="poll")) as watcher:
        watcher.start()
        wait_until(records.flush)
    assert len(caplog.messages) == log.MOST_WARNED + 1
    assert caplog.messages[-1].startswith("50 more warnings about ")


@pytest.mark.parametrize("text", ["prot = 1\nport = 'x'", "port = ", ""])
def test_what_start_raises_is_not_logged_as_well(tmp_path, text, caplog):
    """A start that fails is reported once: by its exception, or in the log if it need not succeed."""
    path = tmp_path / "config.toml"
    path.write_text(text)
    for require in (True, False):
        caplog.clear()
        watcher = HotReloadWatcher(path, App, observer="poll")
        with closing(watcher), suppress(ConfigError):
            watcher.start(require=require)
        wait_until(records.flush)
        errors = [text for text in caplog.messages if not text.startswith("Config warning")]
        assert len(errors) == (not require)
        assert bool(caplog.messages) == (not require)


def test_a_config_error_marks_its_warnings(tmp_path):
    """Which lines keep it from starting, and which do not."""
    path = tmp_path / "config.toml"
    path.write_text("prot = 1\nport = 'x'")
    with pytest.raises(ConfigError) as caught:
        HotReloadWatcher(path, App, observer="poll").start()
    assert str(caught.value).split("\n") == [
        f"warning: config.toml:1:1: {PIECES['prot = 1']}",
        "config.toml:2:8: Type mismatch: port expected integer, got string",
    ]


def test_a_path_that_is_no_path_is_warned_of(tmp_path, caplog):
    """In whichever file it stands: once, with the place and what to write."""
    path, part = tmp_path / "config.toml", tmp_path / "config.part.toml"
    path.write_text('port = 2\nlog = "C:\\temp\\new"\n[hot_reload]\nwatch_paths = ["*.part.toml"]\n')
    part.write_text('dir = "D:\\new"\n')
    with closing(HotReloadWatcher(path, Free, observer="poll")) as watcher:
        watcher.start()
        assert [(each.place, each.hint) for each in watcher.warnings] == [
            ("config.toml:2:10", r"write the path in '…', or \\ for each backslash"),
            ("config.part.toml:1:10", r"write the path in '…', or \\ for each backslash"),
        ]
        path.write_text(path.read_text().replace("port = 2", "port = 4"))
        watcher.reload()
        assert len(watcher.warnings) == 2
        wait_until(records.flush)
    assert [text.split(": ")[1] for text in caplog.messages] == ["config.toml:2:10", "config.part.toml:1:10"]
