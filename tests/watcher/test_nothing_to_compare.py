"""A watcher without files costs nothing while nothing happens; once it has files, they are compared as ever."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from doubles.source import Board
from hotconf import DotEnv, Env, HotReloadSettings, HotReloadWatcher, SecretsDir, WatchedFile
from hotconf.runtime import process
from hotconf.system.wait import NEVER
from waiting import wait_until
from watcher.watched import App, port, save

Begin = Callable[..., tuple[HotReloadWatcher[Any], Any]]
OFTEN_S = 0.02
ALONE: dict[str, Any] = {"observer": "poll", "reconcile_s": OFTEN_S}
"""No event says anything: the comparison is all there is."""


class Named(BaseModel, frozen=True):
    """May name a file."""

    server: Any = None
    key: WatchedFile | None = None


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In a working directory of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("APP_SERVER__HOST", "env")
    return tmp_path


def compares() -> bool:
    """Whether the driver compares files from time to time, as it sees it itself."""
    driver = process._process.driver
    assert driver is not None
    return driver.call(lambda: driver.reconcile.next) < NEVER


def test_without_files_nothing_is_compared(watch: Begin) -> None:
    """Whatever is published; and what is published is loaded, however long nothing was."""
    board = Board(port(8000))
    watcher, seen = watch(board, layers=[Env("APP_"), {"tags": ["a"]}])
    assert not compares()
    board.publish(port(8001), "v2")
    seen.exactly("ReloadSuccess 2")
    watcher.reload()
    with watcher.override({"server.port": 1}):
        assert watcher.config.server.port == 1
    assert watcher.config.server.port == 8001
    assert not compares()


def test_a_watcher_of_a_file_beside_it_is_compared_as_ever(watch: Begin, here: Path) -> None:
    """And when it is closed, nothing is compared any more."""
    path = here / "config.toml"
    path.write_text(port(1000))
    watch(Board(port(8000)))
    other, _ = watch(path, **ALONE)
    save(path, port(1001))
    wait_until(lambda: other.config.server.port == 1001)
    other.close()
    assert not compares()


@pytest.mark.parametrize("main", [Board, None], ids=["source", "none"])
@pytest.mark.parametrize("layer", [lambda: DotEnv(".env", "APP_"), lambda: SecretsDir("secrets")])
def test_the_files_of_layers_are_noticed_by_comparison_alone(watch: Begin, here: Path, main: Any, layer: Any) -> None:
    """Those that are there, and those that come later."""
    watcher, _ = watch(main and main(port(8000)), layers=[layer()], **ALONE)
    (here / "secrets").mkdir()
    for number in (1, 2):
        save(here / ".env", f"APP_SERVER__PORT={number}\n")
        save(here / "secrets" / "server__port", f"{number}\n")
        wait_until(lambda number=number: watcher.config.server.port == number)
    assert compares()


def test_a_file_that_a_document_names_is_compared_while_it_does(watch: Begin, here: Path) -> None:
    """Also one that is not there yet; a document without it ends that."""
    board = Board(port(8000))
    watcher, seen = watch(board, Named, **ALONE)
    assert not compares()
    board.publish('key = "key.pem"\n', "v2")
    wait_until(lambda: "ReloadFailed missing" in seen.lines)
    assert compares()
    for text in ("one", "two"):
        save(here / "key.pem", text)
        wait_until(lambda text=text: watcher.config.key is not None and watcher.config.key.text == text)
    board.publish(port(8001), "v3")
    wait_until(lambda: watcher.config.key is None)
    wait_until(lambda: not compares())


def test_a_file_that_an_offered_document_names_is_compared_from_the_commit_on(watch: Begin, here: Path) -> None:
    """Its files come in by another way than a load's."""
    (here / "key.pem").write_text("one")
    board = Board(port(8000))
    watcher, _ = watch(board, Named, **ALONE)
    board.offer('key = "key.pem"\n', "v2")
    assert board.answer(1).status == "ready"
    assert not compares()
    board.commit('key = "key.pem"\n', "v2")
    wait_until(lambda: watcher.config.key is not None)
    save(here / "key.pem", "two")
    wait_until(lambda: watcher.config.key.text == "two")


def test_hot_reload_that_is_switched_off_and_on(watch: Begin, here: Path) -> None:
    """What an override switches off is not compared; what it switches on again is."""
    save(here / ".env", "APP_SERVER__PORT=1\n")
    watcher, _ = watch(Board(port(8000)), App, layers=[DotEnv(".env", "APP_")], settings=None, **ALONE)
    with watcher.override({"hot_reload.enabled": False}):
        wait_until(lambda: not compares())
        save(here / ".env", "APP_SERVER__PORT=2\n")
    wait_until(lambda: watcher.config.server.port == 2)
    assert compares()


def test_one_that_is_off_from_the_start(watch: Begin, here: Path) -> None:
    """Nothing is compared, with or without files."""
    save(here / ".env", "APP_SERVER__PORT=1\n")
    off = HotReloadSettings(enabled=False)
    watch(Board(port(8000)), layers=[DotEnv(".env", "APP_")], settings=off, **ALONE)
    assert not compares()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("layered", [False, True])
def test_a_forked_child_compares_what_its_parent_did(watch: Begin, here: Path, layered: bool) -> None:
    """Files, if there are any; else only what its source says wakes it."""
    from watcher.children import ended, fork

    save(here / ".env", "APP_SERVER__PORT=1\n")
    board = Board(port(8000))
    watcher, _ = watch(board, layers=[DotEnv(".env", "APP_")] if layered else [], **ALONE)

    def work() -> None:
        wait_until(lambda: len(board.links) == 2)
        wait_until(lambda: compares() == layered)
        if layered:
            save(here / ".env", "APP_SERVER__PORT=2\n")
            wait_until(lambda: watcher.config.server.port == 2)
        else:
            board.publish(port(8001), "v2")
            wait_until(lambda: watcher.config.server.port == 8001)
        watcher.close()

    assert ended(fork(work)) == 0
    assert compares() == layered


@pytest.mark.skipif(sys.platform != "linux", reason="closes descriptors")
def test_the_loss_of_all_descriptors_deafens_nobody(here: Path) -> None:
    """The program closes them while there are no files: documents still come, and files that come later are seen."""
    from faults.test_closed_descriptors import close_all, in_a_child

    def work() -> None:
        close_all()
        board = Board(port(8000))
        watcher = HotReloadWatcher(board, Named, debounce_ms=20, reconcile_s=0.1)
        watcher.start()
        close_all()
        board.publish(port(8001), "v2")
        wait_until(lambda: watcher.config.server == {"port": 8001})
        assert watcher.stats.trouble is None
        save(here / "key.pem", "one")
        board.publish('key = "key.pem"\n', "v3")
        wait_until(lambda: watcher.config.key is not None)
        for text in ("two", "three"):
            save(here / "key.pem", text)
            wait_until(lambda text=text: watcher.config.key.text == text)
        assert watcher.stats.trouble is None
        watcher.close()

    in_a_child(work)
