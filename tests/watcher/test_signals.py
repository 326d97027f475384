"""What a signal handler raises belongs to the program, whatever code it interrupts."""

from __future__ import annotations

import signal
import threading
from functools import partial

import pytest
from pydantic import BaseModel, field_validator

from hotconf import HotReloadWatcher, Schema, UsageError
from waiting import wait_until
from watcher.watched import App, ours, port


class Stop(Exception):  # noqa: N818 - it is no error
    """A program's own way to end."""


KINDS = [SystemExit, KeyboardInterrupt, Stop, ValueError, TimeoutError]


class Handler:
    """A handler of SIGTERM that raises, in one of the forms in which handlers are written."""

    def __init__(self, kind: type[BaseException]) -> None:
        self.kind = kind

    def __call__(self, *_: object) -> None:
        raise self.kind("stop")

    def method(self, *_: object) -> None:
        raise self.kind("stop")

    def deep(self, how: object, *_: object) -> None:
        self()


@pytest.fixture(params=["function", "method", "partial", "object"])
def terminated(request):
    """Installs a handler that raises an exception of a kind."""
    before = signal.getsignal(signal.SIGTERM)

    def install(kind: type[BaseException]) -> None:
        handler = Handler(kind)
        forms = {
            "function": lambda *given: handler(*given),
            "method": handler.method,
            "partial": partial(handler.deep, "how"),
            "object": handler,
        }
        signal.signal(signal.SIGTERM, forms[request.param])

    yield install
    signal.signal(signal.SIGTERM, before)


class Slow(BaseModel, frozen=True):
    """A model with a validator in which the signal comes."""

    n: int = 0

    @field_validator("n")
    @classmethod
    def _slow(cls, n: int) -> int:
        signal.raise_signal(signal.SIGTERM)
        return n


def slow_check(_: App) -> list[object]:
    """A check in which the signal comes."""
    signal.raise_signal(signal.SIGTERM)
    return []


def slow_strictness(_: App) -> bool:
    """Whether unknown keys are errors."""
    signal.raise_signal(signal.SIGTERM)
    return False


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", ["validator", "check", "strict_keys"])
def test_a_start_that_a_signal_ends(tmp_path, terminated, kind, where):
    """It is raised unchanged, not reported as a problem of the files, and nothing is left of the watcher."""
    terminated(kind)
    path = tmp_path / "config.toml"
    path.write_text("n = 1" if where == "validator" else port(8000))
    schema = {"validator": Schema(Slow), "check": Schema(App, checks=[slow_check])}
    watcher = HotReloadWatcher(path, schema.get(where, Schema(App, strict_keys=slow_strictness)))
    with pytest.raises(kind, match="stop"):
        watcher.start()
    wait_until(lambda: not ours())


def test_a_reload_whose_wait_a_signal_ends(path, watch, terminated):
    """The wait ends, not the load: what it was about is published, and the next reload works."""
    terminated(Stop)
    signals = iter([signal.SIGTERM])  # one: a file that is touched while it is loaded is checked again

    def check(config: App) -> list[object]:
        if config.server.port == 9000 and next(signals, None):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)
        return []

    watcher, _ = watch(path, checks=[check], debounce_ms=60_000)
    path.write_text(port(9000))
    with pytest.raises(Stop):
        watcher.reload()
    wait_until(lambda: watcher.config.server.port == 9000)
    assert watcher.reload() is not None


def test_a_handler_may_close_while_a_check_runs(path, watch, tmp_path):
    """Checks cannot, but a handler only happened to interrupt one; nor is it refused a reload without waiting."""
    watcher, _ = watch(path)
    other_path = tmp_path / "other.toml"
    other_path.write_text(port(1))
    other, seen = watch(other_path)

    def handle(*_: object) -> None:
        with pytest.raises(UsageError, match="cannot be called from a check"):
            other.reload()  # it would wait for what it interrupts
        other.reload(wait=False)
        watcher.close()

    before = signal.signal(signal.SIGTERM, handle)
    try:
        with HotReloadWatcher(path, App, checks=[slow_check]):
            assert not watcher.watching
    finally:
        signal.signal(signal.SIGTERM, before)
    seen.ending()


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, Stop])
def test_a_check_that_raises_it_by_itself(tmp_path, kind):
    """What is no `Exception` belongs to the program in its own thread; what is, is the check's failure."""
    path = tmp_path / "config.toml"
    path.write_text(port(8000))

    def check(_: App) -> list[object]:
        raise kind("of its own")

    watcher = HotReloadWatcher(path, App, checks=[check])
    if kind is Stop:
        watcher.start(require=False)
        assert watcher.last.error == "config.toml: check check raised Stop: of its own"
        watcher.close()
    else:
        with pytest.raises(kind):
            watcher.start()
    wait_until(lambda: not ours())
