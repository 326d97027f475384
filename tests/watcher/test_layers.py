"""Layers over the files, in a running watcher."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel

from hotconf import ConfigError, HotReloadWatcher, Origin, ReloadSuccess, UsageError
from waiting import wait_until
from watcher.watched import CHANGED, port, save


class Flags:
    """A layer of the program's own, which says what it was set to last."""

    name = "flags"

    def __init__(self, **server: Any) -> None:
        self.server = server
        self.watchers: list[Callable[[], object]] = []

    def read(self) -> Mapping[str, Any]:
        """Its values."""
        return {"server": self.server}

    def watch(self, changed: Callable[[], object]) -> Callable[[], object]:
        """Until it is closed."""
        self.watchers.append(changed)
        return lambda: self.watchers.remove(changed)

    def set(self, **server: Any) -> None:
        """Say something else from now on."""
        self.server = server
        for changed in self.watchers:
            changed()


def test_mappings_lie_over_the_files(path, watch):
    """The later ones over the earlier ones; a save of the file changes only what they do not set."""
    layers = [{"server": {"port": 1, "host": "a"}}, {"server": {"host": "b"}}]
    watcher, seen = watch(path, layers=layers)
    assert (watcher.config.server.port, watcher.config.server.host) == (1, "b")
    assert watcher.snapshot.origin("server.host") == Origin("layers[1]", "layers[1]")
    answers = [(answer.origin.where, answer.value) for answer in watcher.snapshot.explain("server.port")]
    assert answers == [("layers[0]", 1), ("config.toml:2:8", 8000)]
    save(path, port(9000))
    seen.exactly(CHANGED, "ReloadUnchanged")
    save(path, port(9000) + "[hot_reload]\nmode = 'eager'\n")
    wait_until(lambda: watcher.generation == 2)
    assert watcher.config.server.port == 1


def test_a_layer_that_changes_is_read_again(path, watch):
    """At once, without a save; the reload is reported like any other."""
    flags = Flags(port=1)
    watcher, seen = watch(path, layers=[flags])
    flags.set(port=2)
    wait_until(lambda: watcher.config.server.port == 2)
    seen.exactly("ReloadSuccess 2")
    flags.set(port="none")
    wait_until(lambda: "ReloadFailed" in str(seen.lines))
    assert watcher.last.problems[0].place == "flags"
    assert watcher.config.server.port == 2
    watcher.close()
    assert not flags.watchers


def test_a_layer_is_not_followed_while_hot_reload_is_off(path, watch):
    """`reload()` reads it all the same."""
    flags = Flags(port=1)
    path.write_text("hot_reload.enabled = false\n")
    watcher, _ = watch(path, layers=[flags])
    flags.set(port=2)
    assert watcher.has_drift()
    assert watcher.config.server.port == 1
    watcher.reload()
    assert watcher.config.server.port == 2


def test_a_start_with_a_wrong_layer_names_it(path, watch):
    """And no line of the file."""
    with pytest.raises(ConfigError) as raised:
        watch(path, layers=[{"server": {"port": "none"}}])
    assert str(raised.value.problems[0]).startswith("layers[0]: ")


def test_the_last_good_state_is_under_the_layers_of_today(path, watch, tmp_path):
    """Kept states hold files only."""
    state_dir = tmp_path / "states"
    first, _ = watch(path, layers=[{"server": {"host": "then"}}], state_dir=state_dir)
    first.close()
    path.write_text("[server\n")
    second, _ = watch(path, layers=[{"server": {"host": "now"}}], state_dir=state_dir)
    assert second.stats.degraded
    assert (second.config.server.port, second.config.server.host) == (8000, "now")


NO_LAYER = "give a mapping, or an object with a name and read()"


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([7], "layers[0]=7: give a mapping, or an object with a name and read()"),
        ([{}, {"a": {"b": object()}}], "layers[1]: a.b is of type object: give what a file can hold"),
        ([type("Nameless", (Flags,), {"name": ""})()], f"layers[0] of type Nameless: {NO_LAYER}"),
        ([SimpleNamespace(name="x")], f"layers[0] of type SimpleNamespace: {NO_LAYER}"),
        ([Flags(), Flags()], "layers[1].name='flags': give a name of its own"),
        ({"server": {"port": 1}}, "layers[0]='server': give a mapping, or an object with a name and read()"),
    ],
)
def test_what_is_no_layer_is_refused(path, watch, layers, message):
    """Before anything starts."""
    with pytest.raises(UsageError) as raised:
        watch(path, layers=layers)
    assert str(raised.value) == message


def test_a_layer_that_cannot_be_closed_is_logged(path, watch, caplog):
    """Closing goes on, and nothing is raised."""

    class Stubborn(Flags):
        """Does not let go."""

        def watch(self, changed: Callable[[], object]) -> Callable[[], object]:
            """Ends with an exception."""
            return [].pop

    watcher, _ = watch(path, layers=[Stubborn()])
    watcher.close()
    assert "A layer of" in caplog.text
    assert not watcher.watching


class Restless(Flags):
    """Calls as often as it can, from a thread of its own, until it is closed; and once more then."""

    def __init__(self, **server: Any) -> None:
        super().__init__(**server)
        self.calls = self.reads = 0

    def read(self) -> Mapping[str, Any]:
        """Counted."""
        self.reads += 1
        return super().read()

    def watch(self, changed: Callable[[], object]) -> Callable[[], object]:
        """Until it is closed."""
        closed = threading.Event()

        def call() -> None:
            while not closed.is_set():
                changed()
                self.calls += 1
            changed()

        thread = threading.Thread(target=call)
        thread.start()
        return lambda: (closed.set(), thread.join())


def test_a_layer_that_never_rests_stops_nobody(path, watch):
    """Its calls become few loads; saves are published, and closing ends it."""
    layer = Restless(host="a")
    watcher, _ = watch(path, layers=[layer])
    wait_until(lambda: layer.calls > 1000)
    save(path, port(9000))
    wait_until(lambda: watcher.config.server.port == 9000)
    layer.server = {"host": "b"}
    wait_until(lambda: watcher.config.server.host == "b")
    watcher.close()
    assert layer.reads < layer.calls / 2


class Unwatchable(Flags):
    """As if its server were away."""

    def watch(self, changed: Callable[[], object]) -> Callable[[], object]:
        """Fails."""
        raise ConnectionError(f"hunter2 {changed}")


def test_a_layer_that_cannot_be_watched_is_a_problem(path, watch, caplog):
    """A start that requires nothing goes on without."""
    with pytest.raises(ConfigError) as raised:
        watch(path, layers=[Unwatchable(port=1)])
    assert str(raised.value) == "flags: Cannot watch the layer: ConnectionError"
    watcher, _ = watch(path, layers=[Unwatchable(port=1)], require=False)
    assert watcher.config.server.port == 1
    assert "The layer flags is not watched: only reload() reads it" in caplog.text
    save(path, "[server]\nhost = 'x'\n")
    wait_until(lambda: watcher.config.server.host == "x")


def test_a_secret_that_only_a_layer_holds_is_in_no_log(path, watch, caplog):
    """The config does not hold what no field takes."""
    secret = "hunter2-in-a-layer"
    watcher, _ = watch(path, layers=[{"server": {"port": 1, "password": secret}}])
    assert watcher.scrub(f"it is {secret}") == "it is ********"
    assert secret not in caplog.text


class Unlike:
    """A layer whose values never equal those of the read before, though they are the same."""

    name = "unlike"

    def read(self) -> Mapping[str, Any]:
        """A new NaN each time."""
        return {"limit": float("nan")}


class Limited(BaseModel, frozen=True):
    """A float of the layer."""

    limit: float = 0.0
    port: int = 0


def test_nan_is_the_same_at_each_read(path):
    """A layer is read twice by each load, and has not changed in between."""
    path.write_text("port = 1\n")
    with HotReloadWatcher(path, Limited, debounce_ms=100, layers=[Unlike()]) as watcher:
        path.write_text("port = 2\n")
        assert isinstance(watcher.reload(), ReloadSuccess)
        assert watcher.config.port == 2
