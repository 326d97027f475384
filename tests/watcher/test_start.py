"""Starting: what must be there, what need not be, and what cannot work."""

from __future__ import annotations

from contextlib import closing

import attrs
import msgspec
import pytest
from pydantic import BaseModel, TypeAdapter

from hotconf import ConfigError, HotReloadWatcher, NoConfigError, Schema, UsageError
from waiting import wait_until
from watcher.watched import CHANGED, App, port


@pytest.mark.parametrize(
    ("content", "kind"), [(None, "missing"), (b"", "empty"), (b"[a", "syntax"), (b"tags = 1", "schema")]
)
def test_a_start_that_fails(tmp_path, content, kind):
    """`start()` raises ConfigError with every problem, leaves no config behind, and is over."""
    path = tmp_path / "config.toml"
    if content is not None:
        path.write_bytes(content)
    watcher = HotReloadWatcher(path, App)
    with pytest.raises(ConfigError) as raised:
        watcher.start()
    assert [problem.kind for problem in raised.value.problems] == [kind]
    assert raised.value.problems[0].file == path
    assert "config.toml" in str(raised.value)
    with pytest.raises(UsageError):
        watcher.start()


@pytest.mark.parametrize(("content", "kind"), [(None, "missing"), ("[server", "syntax"), ("tags = 1", "schema")])
def test_a_start_that_need_not_succeed(tmp_path, watch, content, kind):
    """`require=False`: the failure is told, there is no config, and the first good save is generation 1."""
    path = tmp_path / "config.toml"
    if content is not None:
        path.write_text(content)
    watcher, seen = watch(path, require=False)
    seen.exactly(f"ReloadFailed {kind}")
    assert watcher.generation == 0
    assert not hasattr(watcher, "config")
    assert not hasattr(watcher, "snapshot")
    with pytest.raises(AttributeError):
        _ = watcher.config
    with pytest.raises(NoConfigError):
        watcher.get_config()
    path.write_text(port(9000))
    event = seen.exactly(f"ReloadFailed {kind}", CHANGED, "ReloadSuccess 1")
    assert event.changes == ()
    assert watcher.get_config() is watcher.config
    assert watcher.generation == watcher.snapshot.generation == 1


def test_the_directory_appears_later(tmp_path, watch):
    """`require=False` in a directory that does not exist yet: it is found when it is made."""
    path = tmp_path / "etc" / "app" / "config.toml"
    watcher, seen = watch(path, require=False, reconcile_s=3600.0)
    seen.exactly("ReloadFailed missing")
    path.parent.mkdir(parents=True)
    path.write_text(port(9000))
    wait_until(lambda: watcher.generation == 1)
    assert watcher.config.server.port == 9000


def test_before_the_start(path):
    """No config yet: the attribute is absent, `get_config()` says what to do."""
    watcher = HotReloadWatcher(path, App)
    with pytest.raises(AttributeError):
        _ = watcher.config
    with pytest.raises(NoConfigError, match="start"):
        watcher.get_config()
    with pytest.raises(UsageError):
        watcher.reload()
    assert watcher.last is None
    assert watcher.pending is None
    assert watcher.stats.observer == "none"


def test_a_start_is_no_event(path, watch, calm):
    """The first load is returned, not told."""
    watcher, seen = watch(path)
    assert watcher.config.server.port == 8000
    assert watcher.last is None
    calm()
    assert seen.events == []


def test_started_once(path, watch):
    """A second `start()` is the caller's mistake, and does no harm."""
    watcher, _ = watch(path)
    with pytest.raises(UsageError):
        watcher.start()
    assert watcher.config.server.port == 8000


@pytest.mark.parametrize("schema", [App, TypeAdapter(App), Schema(App)])
def test_whatever_describes_a_configuration(path, watch, schema):
    """A model, a TypeAdapter or a Schema."""
    watcher, _ = watch(path, schema)
    assert watcher.config == App.model_validate({"server": {"port": 8000}})


@pytest.mark.parametrize(
    "options",
    [
        {"debounce_ms": -1},
        {"debounce_ms": 60_001},
        {"reconcile_s": 0},
        {"reconcile_s": float("nan")},
        {"max_bytes": 0},
        {"observer": "kqueue"},
    ],
)
def test_arguments_that_cannot_work(path, options):
    """Refused at once, by the constructor."""
    with pytest.raises(UsageError):
        HotReloadWatcher(path, App, **options)


def test_an_empty_file_may_be_allowed(path, watch):
    """`allow_empty=True`: an empty file means all defaults."""
    watcher, seen = watch(path, allow_empty=True)
    path.write_text("[server]\nport = 9000\n")
    seen.ending()
    path.write_text("")
    seen.exactly(CHANGED, "ReloadSuccess 2", CHANGED, "ReloadSuccess 3")
    assert watcher.config == App()


def test_home_is_expanded(path, monkeypatch):
    """`~` means the home directory."""
    monkeypatch.setenv("HOME", str(path.parent))
    with HotReloadWatcher("~/config.toml", App) as watcher:
        assert watcher.path == path
        assert watcher.watching == (path,)
    assert watcher.watching == ()


# What cannot work says what to do instead


def test_reading_before_the_start_says_to_start(path):
    """`config` and `snapshot` are not there, and the error says why; other names are refused as ever."""
    watcher = HotReloadWatcher[App](path, App)
    for name in ("config", "snapshot"):
        with pytest.raises(AttributeError, match=r"no configuration yet: call start\(\) first"):
            getattr(watcher, name)
    with pytest.raises(AttributeError, match="'HotReloadWatcher' object has no attribute 'confg'"):
        watcher.confg  # noqa: B018
    assert repr(watcher).startswith("<HotReloadWatcher ")
    with watcher:
        assert type(watcher) is HotReloadWatcher
        assert watcher.config is watcher.snapshot.config
    assert watcher.config.server.port


def test_reading_before_the_first_good_save_says_so(path):
    """With `require=False` there may be no configuration for a while after the start."""
    path.write_text("broken")
    watcher = HotReloadWatcher(path, App)
    with closing(watcher):
        watcher.start(require=False)
        with pytest.raises(AttributeError, match="wait for a valid file"):
            watcher.config  # noqa: B018
        path.write_text("[server]\nport = 9100\n")
        watcher.reload()
        assert watcher.config.server.port == 9100


def test_the_text_of_a_config_error_has_the_hints(path):
    """A program that prints it shows what to write instead."""
    path.write_text("[server]\nport = yes\n")
    with pytest.raises(ConfigError) as caught:
        HotReloadWatcher(path, App).start()
    assert any(problem.hint for problem in caught.value.problems)
    assert str(caught.value).split("\n") == [problem.with_hint for problem in caught.value.problems]


class Struct(msgspec.Struct):
    port: int = 1


@attrs.define
class Attrs:
    port: int = 1


class Plain:
    port: int = 1


class Later(BaseModel):
    port: "Undefined"  # noqa: F821, UP037


UNBUILDABLE = [Struct, Attrs, Plain, Plain(), 5, print, list[Struct], dict[str, Attrs], Struct | None]


@pytest.mark.parametrize("model", UNBUILDABLE, ids=range(len(UNBUILDABLE)))
def test_a_class_that_pydantic_cannot_build_is_refused_in_one_line(path, model):
    """At once, with what to use instead, and not in pydantic's words about its configuration."""
    for make in (lambda: HotReloadWatcher(path, model), lambda: Schema(model)):
        with pytest.raises(
            UsageError, match=r"(model|schema)[ =].*: (use|give) a pydantic model, a dataclass"
        ) as caught:
            make()
        assert "\n" not in str(caught.value)


def test_a_name_that_is_not_defined_is_refused_when_it_is_needed(path):
    """It may be defined after the watcher was made, but not after the start."""
    with pytest.raises(UsageError, match="pydantic cannot build the model Later: name 'Undefined' is not defined"):
        HotReloadWatcher(path, Later).start()


def test_the_first_load_that_fails_is_not_called_a_reload(path, caplog):
    """Nothing was there before it; what fails after the first good one is a reload."""
    path.write_text("broken")
    with closing(HotReloadWatcher(path, App)) as watcher, caplog.at_level("WARNING", "hotconf"):
        watcher.start(require=False)
        watcher.reload()
        path.write_text("")
        watcher.reload()
        path.write_text(port(9000))
        watcher.reload()
        path.write_text("broken")
        watcher.reload()
        watcher.close()
    begin = [record.getMessage().partition(" failed: ")[0] for record in caplog.records]
    assert begin == ["Config load", "Config load", "Config load", "Config reload"]
