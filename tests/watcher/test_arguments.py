"""Every public parameter × values of every kind: taken, or refused in one line that names it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from hotconf import HotReloadSettings, HotReloadWatcher, Schema, Snapshot, UsageError
from hotconf.subscribers.callbacks import discard
from watcher.watched import App


async def coroutine(config: object) -> None:
    """As people write callbacks in async code."""


class Odd:
    """No text can be made of it."""

    def __repr__(self) -> str:
        raise ValueError


VALUES = {
    "none": None,
    "true": True,
    "zero": 0,
    "minus": -1,
    "many": 10**30,
    "float": 1.5,
    "nan": float("nan"),
    "empty": "",
    "text": "server",
    "long": "x" * 500 + "\n\x1b[2J",
    "bytes": b"port",
    "path": Path("config.toml"),
    "list": [],
    "ones": [1],
    "texts": ["port"],
    "nones": [None],
    "bytes_list": [b"port"],
    "coroutines": [coroutine],
    "functions": [len],
    "tuple": ("server", "port"),
    "floats": (1.5,),
    "dict": {},
    "int": int,
    "dict_type": dict,
    "union": int | None,
    "model": App,
    "instance": App(),
    "adapter": TypeAdapter(App),
    "schema": Schema(App),
    "settings": HotReloadSettings(),
    "function": len,
    "two": lambda one, two: None,
    "coroutine": coroutine,
    "odd": Odd(),
}
LISTS = {"list", "tuple", "floats", "dict", "ones", "texts", "nones", "bytes_list", "coroutines", "functions"}
UNKNOWN = {"int", "dict_type"}
"""Has no signature: whether it takes the arguments shows when it is called."""
ONE, TWO, NO = {"function", *UNKNOWN}, {"two", *UNKNOWN}, {"model", *UNKNOWN}
"""What takes one argument, two, or none."""
MODELS = {"model", "adapter", "dict_type"}
MAKE = {
    "path": {"none", "text", "path", "long"},
    "schema": {*MODELS, "schema"},
    "settings": {"none", "settings"},
    "debounce_ms": {"none", "zero"},
    "watch_paths": {"none", "list", "texts", "tuple", "dict"},
    "checks": {"list", "dict", "functions"},
    "reconcile_s": {"float"},
    "max_bytes": {"many"},
    "allow_empty": {"true"},
    "observer": set(),
    "state_dir": {"none", "text", "path", "long"},
    "layers": {"list", "dict"},
    "format": {"none"},
}
SCHEMA = {
    "model": MODELS,
    "checks": {"list", "dict", "functions"},
    "describe": {"none", *UNKNOWN},
    "template": {"none", "empty", "text", "long", *NO},
    "kebab": {"true"},
    "strict_keys": {"none", *ONE},
}
METHODS = {
    "start.require": {"true"},
    "reload.wait": {"true"},
    "reload.force": {"true"},
    "reload.revalidate": {"true"},
    "on_event.callback": {"none", *ONE},
    "on_change.selector": {"text", "tuple", *ONE},
    "on_change.callback": {"none", *TWO},
    "on_change.initial": {"true"},
    "flush.timeout_s": {"none", "zero", "float"},
    "changes.selector": {"text", "tuple", *ONE},
    "changes.initial": {"true"},
    "changed.timeout_s": {"none", "zero", "float"},
    "changed.since": {"none", "zero", "many"},
    "wait_for.predicate": ONE,
    "wait_for.timeout_s": {"none", "zero", "float"},
    "resource.selector": {"text", "tuple", *ONE},
    "resource.uses": {"none"},
    "resource.fork": set(),
    "resource.timeout_s": {"float"},
    "rebuild.resource": set(),
    "reload_on.signum": set(),
    "busy.reason": {"text", "long"},
    "override.values": {"dict"},
    "text.path": {"text", "path", "long"},
    "scrub.text": {"empty", "text", "long"},
}
"""Of each parameter, the values that work."""


def parameters(function: Callable[..., object]) -> list[str]:
    """The names of all but `self`."""
    return list(inspect.signature(function).parameters)[1:]


def awaits(name: str, method: Callable[..., object]) -> bool:
    """Whether it is the form for coroutines of a method, which takes the same."""
    plain = getattr(HotReloadWatcher, name[1:], None)
    return (
        inspect.iscoroutinefunction(method)
        and plain is not None
        and set(parameters(method)) <= set(parameters(plain))
    )


def refused(call: Callable[[], object], name: str) -> bool:
    """Whether a call raised `UsageError`, which must be one short, printable line that begins with the argument."""
    begins = [name, "pydantic cannot build the model"] if name in ("model", "schema") else [name]
    try:
        discard(call())
    except UsageError as error:
        text = str(error)
        assert text.startswith(tuple(begins)), text
        assert text.isprintable(), text
        assert len(text) < 200, text
        return True
    except TypeError:  # raised by the function that was given, and called
        return False
    return False


def test_every_public_parameter_is_tried():
    """A new one belongs into the tables above."""
    assert parameters(HotReloadWatcher.__init__) == list(MAKE)
    assert parameters(Schema.__init__) == list(SCHEMA)
    methods = [each for each in inspect.getmembers(HotReloadWatcher, inspect.isfunction) if not awaits(*each)]
    public = [f"{name}.{each}" for name, method in methods if name[0] != "_" for each in parameters(method)]
    assert sorted(public) == sorted(METHODS)


@pytest.mark.parametrize("name", MAKE)
def test_what_a_watcher_is_made_with(path, name):
    """The constructor refuses what cannot work, before anything starts."""
    for kind, value in VALUES.items():
        options: dict[str, Any] = {"path": path, "schema": App, name: value}
        assert refused(partial(HotReloadWatcher, **options), name) != (kind in MAKE[name]), (name, kind)


@pytest.mark.parametrize("name", SCHEMA)
def test_what_a_schema_is_made_with(name):
    """Likewise."""
    for kind, value in VALUES.items():
        options: dict[str, Any] = {"model": App, name: value}
        assert refused(partial(Schema, **options), name) != (kind in SCHEMA[name]), (name, kind)


def test_what_methods_are_called_with(path):
    """A flag that is a text, a callback that is none, a selector that is a list."""
    with closing(HotReloadWatcher(path, App, observer="poll")) as watcher:
        for value in VALUES.values():
            if value is not True:
                assert refused(partial(watcher.start, require=value), "require")
        watcher.start()
        for name in METHODS:
            method, _, argument = name.partition(".")
            if method != "start":
                try_all(getattr(watcher, method), argument, METHODS[name])


def try_all(method: Callable[..., object], argument: str, good: set[str]) -> None:
    """Call a method with each value; its other arguments are valid."""
    valid: dict[str, Any] = {"selector": "server", "callback": print, "predicate": bool}
    others = {each: valid[each] for each in inspect.signature(method).parameters if each in valid}
    for kind, value in VALUES.items():
        assert refused(partial(method, **others | {argument: value}), argument) != (kind in good), (argument, kind)


@pytest.mark.parametrize("window", [-1, 60_001])
def test_a_window_in_settings_is_checked_as_the_argument_is(path, window):
    """The program's limits, which are wider than those of a file."""
    settings = HotReloadSettings(debounce_ms=window)
    assert refused(partial(HotReloadWatcher, path, App, settings=settings), "settings.debounce_ms")


def test_what_a_decorator_is_given(path):
    """`@watcher.on_event` and `@watcher.on_change(…)` refuse what they decorate as the calls do."""
    watcher = HotReloadWatcher(path, App)
    for kind, value in VALUES.items():
        if value is not None:
            assert refused(partial(watcher.on_event(), value), "callback") != (kind in {*ONE, "coroutine"})
            assert refused(partial(watcher.on_change("server"), value), "callback") != (kind in TWO)


def test_what_an_origin_is_asked_for(path):
    """A dotted key or a tuple of keys."""
    with HotReloadWatcher(path, App, observer="poll") as watcher:
        snapshot: Snapshot[App] = watcher.snapshot
        for kind, value in VALUES.items():
            assert refused(partial(snapshot.origin, value), "path") != (kind in ("text", "tuple")), kind
            assert refused(partial(snapshot.explain, value), "path") != (kind in ("text", "tuple")), kind
