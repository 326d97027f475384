"""`multiprocessing`: a watcher that is sent to another process arrives as its arguments, and follows there."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr, TypeAdapter

from hotconf import (
    ConfigError,
    DotEnv,
    Env,
    Flags,
    HotReloadSettings,
    HotReloadWatcher,
    Problem,
    Profile,
    Schema,
    SecretsDir,
    UsageError,
)
from waiting import wait_until
from watcher.watched import App, port, save

METHODS = ["fork", "forkserver", "spawn"]


class Config(BaseModel, frozen=True):
    n: int = 0
    text: str = ""
    password: SecretStr = SecretStr("")
    hot_reload: HotReloadSettings = HotReloadSettings()


class Fixed:
    """A layer of a program's own."""

    name = "fixed"

    def __init__(self, text: str) -> None:
        self.text = text

    def read(self) -> dict[str, str]:
        return {"text": self.text}


class Open(Fixed):
    """A layer that holds what no other process can have."""

    def __init__(self) -> None:
        super().__init__("")
        self.lock = threading.Lock()


class Own(HotReloadWatcher[Any]):
    """A program's own class."""


def check(config: Config) -> list[Problem]:
    """A check that other processes can import."""
    return [Problem("negative", ("n",))] if config.n < 0 else []


def follow(watcher: HotReloadWatcher[Any], pipe: Connection) -> None:
    """In the child: each new value, until it is asked to end."""
    generation = watcher.generation
    if not generation:
        watcher.start()
    watcher.on_change("n", lambda old, new: pipe.send(new))
    pipe.send((generation, watcher.config.n))
    pipe.recv()
    watcher.close()


@pytest.mark.parametrize("method", METHODS)
def test_a_process_follows_the_file(tmp_path: Path, method: str) -> None:
    """Forked, it goes on where the parent was; otherwise it starts its own. Both see each save."""
    path = tmp_path / "config.toml"
    path.write_text("n = 1")
    context: Any = multiprocessing.get_context(method)
    with HotReloadWatcher(path, Config, debounce_ms=20) as watcher:
        here, there = context.Pipe()
        child = context.Process(target=follow, args=(watcher, there))
        child.start()
        try:
            assert here.poll(60)
            assert here.recv() == (1 if method == "fork" else 0, 1)
            save(path, "n = 2")
            assert here.poll(60)
            assert here.recv() == 2
            wait_until(lambda: watcher.config.n == 2)
        finally:
            here.send(None)
            child.join(60)
    assert child.exitcode == 0


def value(watcher: HotReloadWatcher[Any]) -> tuple[int, int]:
    """In a worker of a pool."""
    with watcher:
        return os.getpid(), watcher.config.n


def test_a_pool(tmp_path: Path) -> None:
    """A task may be given a watcher; what its start raises comes back, and the pool lives on."""
    path = tmp_path / "config.toml"
    path.write_text("n = 1")
    context: Any = multiprocessing.get_context("forkserver")
    with HotReloadWatcher(path, Config) as watcher, ProcessPoolExecutor(1, mp_context=context) as pool:
        pid, n = pool.submit(value, watcher).result(60)
        assert (pid != os.getpid(), n) == (True, 1)
        path.write_text("n = 'x'")
        with pytest.raises(ConfigError, match=r"config\.toml:1:5: Type mismatch") as raised:
            pool.submit(value, watcher).result(60)
        assert raised.value.problems[0].path == ("n",)
        watcher.on_change("n", print)
        with pytest.raises(
            UsageError, match=r"^a watcher with callbacks \(builtins\.print\) cannot be sent to another"
        ):
            pool.submit(value, watcher).result(60)
        path.write_text("n = 3")
        assert pool.submit(value, HotReloadWatcher(path, Config)).result(60) == (pid, 3)


def sent(watcher: HotReloadWatcher[Any]) -> HotReloadWatcher[Any]:
    """What arrives."""
    return pickle.loads(pickle.dumps(watcher))


def test_it_arrives_as_its_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them, and relative ones as they were meant; not started, whatever the sender was."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("APP_N", "3")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "password").write_text("swordfish")
    (tmp_path / ".env").write_text("DOT_TEXT=dotted")
    (tmp_path / "config").write_text("{}")
    (tmp_path / "config.prod").write_text("{}")
    (tmp_path / "config.d").mkdir()
    layers = [Profile("prod"), SecretsDir("secrets"), DotEnv(".env", "DOT_"), Env("APP_"), Flags({"n": 5}), {"n": 6}]
    given: dict[str, Any] = {
        "settings": HotReloadSettings(debounce_ms=500, mode="eager", watch_paths=("config.d",)),
        "checks": [check],
        "reconcile_s": 0.5,
        "max_bytes": 1000,
        "allow_empty": True,
        "observer": "poll",
        "state_dir": "states",
        "layers": layers,
        "format": "json",
    }
    with HotReloadWatcher("config", Schema(Config, kebab=True), **given) as watcher, watcher.override({"n": 7}):
        monkeypatch.chdir("/")
        copy = sent(watcher)
        with pytest.raises(AttributeError):
            _ = copy.config
        ours, theirs = watcher._reloader, copy._reloader
        plain = ("path", "pins", "max_bytes", "allow_empty", "fileless", "format", "home")
        assert [getattr(theirs.options, each) for each in plain] == [getattr(ours.options, each) for each in plain]
        assert theirs.options.schema.checks == (check,)
        assert theirs.options.schema.kebab
        assert theirs.cycle.reconcile_ns == ours.cycle.reconcile_ns
        assert theirs.cycle.observation.wanted == "poll"
        assert theirs.state_dir == ours.state_dir
        with copy:
            config = copy.config
            assert (config.n, config.text, config.password.get_secret_value()) == (6, "dotted", "swordfish")
            assert watcher.config.n == 7
        assert sent(copy).generation == 0


def test_of_each_kind(tmp_path: Path) -> None:
    """Single settings, an adapter, no file, a class of the program's own."""
    path = tmp_path / "config.toml"
    path.write_text("n = 1")
    with sent(HotReloadWatcher(path, TypeAdapter(dict[str, int]), debounce_ms=70)) as copy:
        assert (copy.config, copy.settings.debounce_ms) == ({"n": 1}, 70)
    with sent(HotReloadWatcher(None, Config, layers=[Fixed("mine")])) as copy:
        assert copy.config.text == "mine"
    own = sent(Own(path, Config))
    assert type(own) is Own
    with own, sent(own) as copy:
        assert (type(copy), copy.config.n) == (Own, 1)


def test_a_settings_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sources are declared anew, where they were: in the working directory of the sender."""
    pytest.importorskip("pydantic_settings")
    from watcher.settings_sent import Settings

    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("SENT_N=4")
    watcher = HotReloadWatcher(None, Settings)
    monkeypatch.chdir("/")
    with sent(watcher) as copy:
        assert copy.config.n == 4
        assert Path.cwd() == Path("/")
    data = pickle.dumps(watcher)
    (tmp_path / ".env").unlink()
    tmp_path.rmdir()
    with pytest.raises(UsageError, match="which is gone: import it in the child instead"):
        pickle.loads(data)


def test_what_cannot_be_sent(tmp_path: Path) -> None:
    """One sentence that names what, and what to do; never a value."""
    path = tmp_path / "config.toml"

    class Local(BaseModel, frozen=True):
        n: int = 0

    def refusal(watcher: HotReloadWatcher[Any]) -> str:
        with pytest.raises(UsageError) as raised:
            pickle.dumps(watcher)
        text = str(raised.value)
        assert text.endswith("cannot be sent to another process: import it in the child instead")
        return text

    cases = {
        "checks[0] (test_multiprocessing.test_what_cannot_be_sent.<locals>.<lambda>)": {"checks": [lambda _: []]},
        "layers[1] (of type Open)": {"layers": [{"n": 1}, Open()]},
    }
    for begins, given in cases.items():
        said = refusal(HotReloadWatcher(path, Config, **given))
        assert begins.partition("test_multi")[0] in said
        assert begins.rpartition("test_multi")[2] in said
        assert "cannot be pickled, and so the watcher cannot be sent" in said
    assert refusal(HotReloadWatcher(path, Local)).startswith("schema (")
    described = Schema(Config, describe=lambda old, new, changes: [])
    assert refusal(HotReloadWatcher(path, described)).startswith("schema (of type Schema)")

    watcher = HotReloadWatcher(path, App)
    watcher.resource("server.port")(len)
    assert refusal(watcher).startswith("a watcher with resources (builtins.len) cannot")


def test_a_callback_that_was_closed_does_not_count(tmp_path: Path) -> None:
    """Streams do not, either: they are the sender's."""
    path = tmp_path / "config.toml"
    path.write_text(port(1))
    with HotReloadWatcher(path, App) as watcher:
        with watcher.on_event(print), watcher.on_change("server", print):
            pass
        watcher.subscribe()
        with sent(watcher) as copy:
            assert copy.config == watcher.config
