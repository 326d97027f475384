"""Importing a program to find its watcher, or its model. To import a module is to run it: nothing that it does then
reaches stdout, outlives the command or changes how the command itself runs, and its watchers only load.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeGuard

import click
import tomli

from hotconf.cli.echo import lend_stdout, return_stdout
from hotconf.cli.foreign import contained
from hotconf.cli.refusal import Refusal
from hotconf.errors import UsageError
from hotconf.problems import ConfigError, one_line
from hotconf.system.inert import INERT
from hotconf.text import printable, short_path, shortened

if TYPE_CHECKING:
    from hotconf.schema import Schema
    from hotconf.sources.base import Options
    from hotconf.watcher import HotReloadWatcher

_PYPROJECT: Final = "pyproject.toml"
_VARIABLE: Final = "HOTCONF_APP"
_KEYS: Final = ("app", "pythonpath")
_LONGEST: Final = 300
_EXAMPLE: Final = "myapp.config:watcher"
_WRITE: Final = f'app = "{_EXAMPLE}"'
OWN_PROCESS: Final = "own process"
"""The click object of a command that ends with its process."""
IMPORTED: Final[list[str]] = []
"""What was imported: threads and exit handlers of programs must not keep the process from ending."""


@dataclass(frozen=True, slots=True)
class App:
    """The program's own watcher."""

    options: Options[Any]
    state_dir: Path | None
    trouble: str = ""
    """Why it could not be imported: its start() refused its own file. For that file it is known all the same."""
    watcher: HotReloadWatcher[Any] | None = None

    def on(self, main: Path) -> Options[Any]:
        """How it would load `main`. Raises `Refusal` if that is not certain."""
        options = self.options
        if main == options.path:
            return options
        if self.trouble:
            raise Refusal(self.trouble)
        from hotconf.formats.registry import is_configuration

        form = None if is_configuration(main) else options.format
        return options._replace(path=main, format=form, fileless=False, source=None)


class _Project(NamedTuple):
    """What the nearest `pyproject.toml` says; without one, the working directory."""

    paths: tuple[str, ...]
    """What goes on `sys.path`, first."""
    app: str | None = None
    file: Path | None = None


def find(named: str | None) -> App | None:
    """The watcher that `--app` names, or else HOTCONF_APP, or the nearest `pyproject.toml`; None if none does.

    Raises `Refusal` for one that is unavailable.
    """
    project = _project()
    given, by, named_in = named, "--app", "by --app"
    if given is None:
        given, by, named_in = os.environ.get(_VARIABLE) or None, _VARIABLE, f"by {_VARIABLE}"
    if given is None:
        if project.app is None or project.file is None:
            return None
        given, by = project.app, f"{printable(short_path(project.file))}: app"
        named_in = f"in {_short(str(project.file))}"
    from hotconf.twin import original

    label = f"{by} {printable(given)}"
    with _importing(label, project.paths, f"{printable(given)} (named {named_in})"):
        try:
            found = _named(label, given)
            if _is_model(found):
                instead = f"name the watcher that has it, or give --schema {printable(given)}"
                raise Refusal(f"{label}: {_kind(found)} is a model: {instead}")
            found = found if _is_watcher(found) or not callable(found) else found()
        except ConfigError as error:
            if INERT.refused is None:
                raise
            return App(INERT.refused, None, f"{label}: its own start() failed: {_safe(one_line(error.problems))}")
        if _is_watcher(found):
            return App(*original(found), watcher=found)
        if hasattr(found, "close"):
            with suppress(Exception):
                found.close()  # a coroutine: it would complain that nobody awaited it
    kind = _kind(found)
    raise Refusal(f"{label}: give a HotReloadWatcher, or a function that returns one, not {kind}")


def schema(given: str) -> Schema[Any]:
    """The model that `--schema` names. Raises `Refusal` if it is unavailable."""
    from hotconf.schema import Schema

    label = printable(given)
    with _importing(label, (*_project().paths, ""), f"{label} (named by --schema)"):
        found = _named(label, given)
        if not _is_model(found):
            raise Refusal(f"{label}: neither a hotconf.Schema nor a pydantic model, but {_kind(found)}")
        model: Schema[Any] = Schema.of(found)
        model.complete()
    return model


def _is_watcher(found: object) -> TypeGuard[HotReloadWatcher[Any]]:
    from hotconf.watcher import HotReloadWatcher

    return isinstance(found, HotReloadWatcher)


def _is_model(found: object) -> bool:
    from pydantic import BaseModel, TypeAdapter
    from pydantic.dataclasses import is_pydantic_dataclass

    from hotconf.schema import Schema

    is_class = isinstance(found, type) and (issubclass(found, BaseModel) or is_pydantic_dataclass(found))
    return is_class or isinstance(found, Schema | TypeAdapter)


def _kind(found: object) -> str:
    return f"the class {found.__qualname__}" if isinstance(found, type) else f"of type {type(found).__qualname__}"


# The project


def _project() -> _Project:
    try:
        here = Path.cwd()
    except OSError:  # it was removed
        return _Project(("",))
    file = next((each for above in (here, *here.parents) if os.path.lexists(each := above / _PYPROJECT)), None)
    if file is None:
        return _Project((str(here),))
    try:
        content = tomli.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else printable(str(error))
        raise _unusable(file, f"cannot be read: {reason}") from error
    tool = content.get("tool", {})
    table = tool.get("hotconf", {}) if isinstance(tool, dict) else tool
    if not isinstance(table, dict):
        raise _unusable(file, f"[tool.hotconf] is not a table: write below it {_WRITE}")
    for key in table:
        if key not in _KEYS:
            from hotconf.config.suggest import did_you_mean

            meant = did_you_mean(key, _KEYS) or f"it knows {' and '.join(_KEYS)}"
            raise _unusable(file, f"[tool.hotconf] has the unknown key {key} ({meant})")
    app, paths = table.get("app"), table.get("pythonpath", [])
    if not isinstance(app, str | None):
        raise _unusable(file, f"[tool.hotconf] app is not a string: write {_WRITE}")
    paths = [paths] if isinstance(paths, str) else paths
    if not isinstance(paths, list) or not all(isinstance(each, str) for each in paths):
        raise _unusable(file, '[tool.hotconf] pythonpath is not a list of strings: write pythonpath = ["src"]')
    return _Project((*(str(file.parent / each) for each in paths), str(file.parent)), app or None, file)


def _unusable(file: Path, why: str) -> Refusal:
    return Refusal(f"{printable(short_path(file))}: {printable(why)} (--no-app skips this)")


# The import


def _named(label: str, given: str) -> Any:
    module, _, name = given.partition(":")
    path = module.removesuffix(".py").replace("/", ".")
    if not name or not all(part.isidentifier() for part in path.split(".")):
        raise Refusal(f"{label}: not of the form MODULE:NAME, such as {_EXAMPLE}")
    if path != module:
        raise Refusal(f"{label}: give the name of the module, {path}:{printable(name)}")
    found: Any = import_module(module)
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError as error:
            from hotconf.config.suggest import did_you_mean

            meant = did_you_mean(part, [each for each in dir(found) if not each.startswith("_")])
            raise Refusal(f"{label}: {_safe(error)}{f' ({meant})' if meant else ''}") from error
    return found


@contextmanager
def _importing(label: str, paths: tuple[str, ...], what: str) -> Iterator[None]:
    """Whatever runs within it belongs to the program. What it raises becomes a `Refusal` that says where.

    `what`: what is imported, for those who wait.
    """
    sys.path[:0] = [path for path in paths if path not in sys.path]
    IMPORTED.append(label)
    INERT.on, INERT.refused = True, None
    lend_stdout()
    root = click.get_current_context().find_root()
    if root.obj != OWN_PROCESS:
        root.call_on_close(_over)
    try:
        with running(partial(_doing, what, paths, threading.get_ident())):
            yield
    except (Refusal, KeyboardInterrupt):
        raise
    except BaseException as error:
        place = _place(error, paths)
        raise Refusal(f"{label}: {_reason(error)}{f' ({place})' if place else ''}") from error


@contextmanager
def running(doing: Callable[[], str]) -> Iterator[None]:
    """Within it code of the program runs. `doing` says what it does, for those who wait; any thread may ask."""
    root = click.get_current_context().find_root()
    is_own = root.obj == OWN_PROCESS and threading.current_thread() is threading.main_thread()
    with _own_process_state(), contained(doing) if is_own else nullcontext():
        yield


def _doing(what: str, paths: tuple[str, ...], thread: int) -> str:
    """What `thread` imports, and the line of the program that it is at; any thread may ask."""
    frame, frames = sys._current_frames().get(thread), []
    while frame is not None:
        frames.append((frame.f_code.co_filename, frame.f_lineno))
        frame = frame.f_back
    place = _innermost(frames[::-1], paths)
    return f"importing {what}{f', at {place}' if place else ''}"


def _over() -> None:
    """The command is over, and the process goes on."""
    INERT.on = False
    return_stdout()


@contextmanager
def _own_process_state() -> Iterator[None]:
    """What the program sets for itself is not for the command: arguments, streams, directory, signals."""
    arguments, directory, streams = sys.argv, None, (sys.stdin, sys.stdout, sys.stderr)
    with suppress(OSError):
        directory = Path.cwd()
    handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
    sys.argv, sys.stdin, sys.stderr = sys.argv[:1], StringIO(), sys.stdout
    try:
        yield
    finally:
        sys.argv, (sys.stdin, sys.stdout, sys.stderr) = arguments, streams
        if directory is not None:
            with suppress(OSError):
                os.chdir(directory)
        for number, handler in handlers.items():
            if handler is not None and signal.getsignal(number) is not handler:
                with suppress(OSError, ValueError):
                    signal.signal(number, handler)


def _reason(error: BaseException) -> str:
    """One line without secrets: an error of pydantic has the values that it is about."""
    from pydantic import ValidationError

    if isinstance(error, SystemExit):
        code = error.code
        return f"it exited, with status {code}" if isinstance(code, int | None) else f"it exited: {_safe(code)}"
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False, include_context=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        return _safe(f"{error.error_count()} validation errors for {error.title}: {where}: {first['type']}")
    if isinstance(error, UsageError | AttributeError | ImportError):
        return _safe(str(error))
    return _safe(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)


def _safe(text: object) -> str:
    from hotconf.secrets.scrubber import Scrubber

    return shortened(printable(Scrubber()(" ".join(str(text).split()), words=True)), _LONGEST)


def _place(error: BaseException, paths: tuple[str, ...]) -> str:
    """Where it happened in the program's own code: the innermost line there."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_short(error.filename)}:{error.lineno}"
    return _innermost([(each.filename, each.lineno) for each in traceback.extract_tb(error.__traceback__)], paths)


def _innermost(frames: Iterable[tuple[str, int | None]], paths: tuple[str, ...]) -> str:
    """The last of `frames` that is in the program's own code."""
    roots = [Path(path).absolute() for path in paths]
    own = [
        frame
        for frame in frames
        if "site-packages" not in frame[0] and any(map(Path(frame[0]).is_relative_to, roots))
    ]
    return f"{_short(own[-1][0])}:{own[-1][1]}" if own else ""


def _short(file: str) -> str:
    with suppress(OSError, ValueError):
        relative = os.path.relpath(file)
        return printable(file if relative.startswith(os.pardir) else relative)
    return printable(file)
