"""The watcher as an object."""

from __future__ import annotations

import gc
import logging
import weakref

import pytest

from hotconf import HotReloadWatcher, ReloadFailed
from waiting import wait_until
from watcher.watched import App, Seen, port


def test_nothing_can_be_assigned(path, watch):
    """Assigning and deleting raise AttributeError, for known names and for others."""
    watcher, _ = watch(path)
    for name in ("config", "snapshot", "_reloader", "anything"):
        with pytest.raises(AttributeError):
            setattr(watcher, name, None)
        with pytest.raises(AttributeError):
            delattr(watcher, name)
    assert watcher.config.server.port == 8000


def test_reading_is_a_slot():
    """`config` and `snapshot` are slots, and nothing on the class makes reading them dearer."""
    slot = type(HotReloadWatcher.__dict__["snapshot"])
    assert slot.__name__ == "member_descriptor"
    assert type(HotReloadWatcher.__dict__["config"]) is slot
    assert not any(name in vars(cls) for cls in HotReloadWatcher.__mro__[:-1] for name in ("__getattr__",))
    assert HotReloadWatcher.__getattribute__ is object.__getattribute__
    assert not hasattr(HotReloadWatcher.__new__(HotReloadWatcher), "__dict__")


def test_written_with_its_type(path):
    """`HotReloadWatcher[Model](...)` works like without."""
    with HotReloadWatcher[App](path, App) as watcher:
        assert watcher.config.server.port == 8000
        assert watcher.__orig_class__ == HotReloadWatcher[App]


def test_it_can_be_referred_to_weakly(path, watch):
    """Watchers and snapshots take weak references."""
    watcher, _ = watch(path)
    assert weakref.ref(watcher)() is watcher
    assert weakref.ref(watcher.snapshot)() is watcher.snapshot


def test_it_has_the_texts_that_were_read_last(path, watch):
    """Of a good load and of a bad one, whatever is in the files meanwhile; nothing of files that are not its own."""
    watcher, _ = watch(path, debounce_ms=60_000)
    first = path.read_text()
    assert watcher.text(path) == first
    path.write_bytes(b"\xef\xbb\xbfport = [\n# \xff")
    assert isinstance(watcher.reload(), ReloadFailed)
    assert watcher.text(path) == "port = [\n# \ufffd"
    path.unlink()
    watcher.reload()
    assert watcher.text(path) == watcher.text(path.with_name("other.toml")) == ""


def test_its_repr_says_which_it_is(path, watch):
    """The file and the generation; never the configuration."""
    watcher, _ = watch(path)
    assert repr(watcher) == f"<HotReloadWatcher {str(path)!r} generation 1>"


def test_an_old_config_is_let_go(path, watch):
    """When nobody holds it, an old snapshot does not stay in memory."""
    watcher, seen = watch(path)
    ghost = weakref.ref(watcher.snapshot)
    path.write_text(port(9000))
    seen.ending()
    path.write_text(port(9001))
    seen.ending(2)

    def gone() -> bool:
        gc.collect()
        return ghost() is None

    wait_until(gone)


def test_a_model_that_is_not_frozen(path, caplog):
    """One warning says which models readers could change."""
    from pydantic import BaseModel

    class Soft(BaseModel):
        server: dict[str, int]

    with caplog.at_level(logging.WARNING, "hotconf"), HotReloadWatcher(path, Soft, debounce_ms=0) as watcher:
        seen = Seen(watcher)
        path.write_text(port(9000))
        seen.ending()
    assert [record.getMessage() for record in caplog.records].count(
        "Not frozen, so readers could change what the others see: test_a_model_that_is_not_frozen.<locals>.Soft"
    ) == 1
