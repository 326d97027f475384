"""Operations on large constructs. Each one prepares, and returns what to measure."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, TypeAlias

from growth.constructs import MAIN, Construct, Files
from growth.models import CONFIG, DESCRIBED
from hotconf import ConfigError, HotReloadWatcher, Schema
from hotconf.events import FileChanged
from hotconf.runtime.load import load
from hotconf.sources.base import Options
from hotconf.sources.files import paths

Thunk: TypeAlias = Callable[[], object]
Prepare: TypeAlias = Callable[["Place"], Thunk]


class Place:
    """A directory with a construct of one size. Watchers opened there are closed at the end."""

    def __init__(self, root: Path, construct: Construct, size: int) -> None:
        self.root = root
        self.main = root / construct.main
        self.versions = [construct.files(size, version) for version in (0, 1)]
        self.stack = ExitStack()
        self.write(0)

    def write(self, version: int, below: str = "") -> Path:
        """The files as of that version; the main file."""
        _write(self.root / below, self.versions[version])
        return self.root / below / self.main.name

    def watcher(self, schema: Schema[Any] = CONFIG, **options: Any) -> HotReloadWatcher[Any]:
        """A started watcher; on a valid file, if the construct is not."""
        watcher = HotReloadWatcher(self.main, schema, debounce_ms=1, **options)
        self.stack.callback(watcher.close)
        watcher.start(require=False)
        return watcher


def _write(root: Path, files: Files) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content.startswith(b"-> "):
            if not path.is_symlink():
                path.symlink_to(os.fsdecode(content[3:]))
        else:
            path.write_bytes(content)


def _command(*arguments: object) -> Thunk:
    from click.testing import CliRunner

    from hotconf.cli.app import hotconf

    def run() -> object:
        result = CliRunner().invoke(hotconf, list(map(str, arguments)))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def _cli(*words: str) -> Prepare:
    """A command about the main file, which stands for `{}`, and the second version, for `{new}`."""

    def prepare(place: Place) -> Thunk:
        other = place.write(1, "other") if "{new}" in words else place.main
        given = [
            {"{}": place.main, "{new}": other, "{states}": place.root / "states"}.get(word, word) for word in words
        ]
        return _command(*given, "--schema", "growth.models:CONFIG")

    return prepare


def _load(place: Place) -> Thunk:
    return lambda: load(Options(place.main, CONFIG))


def _expand(place: Place) -> Thunk:
    from hotconf.config.reload_settings import settings_of
    from hotconf.formats.base import Document
    from hotconf.formats.registry import parse

    document = parse(place.main.read_bytes(), place.main, allow_empty=True)
    table = document.table if isinstance(document, Document) else {}
    return lambda: paths.expand(place.main, settings_of(CONFIG, table).watch_paths)


def _reload(schema: Schema[Any]) -> Prepare:
    def prepare(place: Place) -> Thunk:
        watcher = place.watcher(schema)
        place.write(1)
        return watcher.reload

    return prepare


def _watch(place: Place) -> Thunk:
    watcher = place.watcher()

    def save() -> None:
        with watcher.subscribe() as events:
            place.write(1)
            for event in events:
                if not isinstance(event, FileChanged):
                    return

    return save


def _close(place: Place) -> Thunk:
    return place.watcher().close


def _with_states(place: Place) -> bool:
    """Keep two states; false if the construct is invalid, so none is kept."""
    states = place.root / "states"
    try:
        with HotReloadWatcher(place.main, CONFIG, debounce_ms=1, state_dir=states) as watcher:
            place.write(1)
            watcher.reload()
    except ConfigError:
        return False
    return True


def _nothing() -> None:
    """There is nothing to do."""


def _rollback(place: Place) -> Thunk:
    if not _with_states(place):
        return _nothing
    return _cli("rollback", "1", "{}", "--yes", "--state-dir", "{states}")(place)


def _history(place: Place) -> Thunk:
    return _command("history", place.main, "--state-dir", place.root / "states") if _with_states(place) else _nothing


def _init(place: Place) -> Thunk:
    """In a directory of large files, of which it touches none."""
    return _command("init", place.root / "new" / MAIN, "--schema", "growth.models:CONFIG")


FORMATS: Final = ("text", "concise", "json", "sarif", "github")

OPERATIONS: Final[dict[str, Prepare]] = {
    "load": _load,
    "reload": _reload(CONFIG),
    "reload, described": _reload(DESCRIBED),
    "watch": _watch,
    "close": _close,
    "expand": _expand,
    **{f"check {form}": _cli("check", "{}", "--format", form) for form in FORMATS},
    "show": _cli("show", "{}"),
    "show json": _cli("show", "{}", "--json"),
    "diff": _cli("diff", "{}", "{new}"),
    "diff json": _cli("diff", "{}", "{new}", "--json"),
    "plan": _cli("plan", "{new}", "{}"),
    "plan json": _cli("plan", "{new}", "{}", "--json"),
    "doctor": lambda place: _command("doctor", "--no-probe", place.main),
    "history": _history,
    "schema": _cli("schema", "--stamp", "{}"),
    "init": _init,
    "rollback": _rollback,
}
