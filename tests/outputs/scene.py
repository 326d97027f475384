"""Every way in which hotconf tells of a configuration, by name: what must not get out is looked for in all of them.

An output takes a `Scene` and returns all that it said. One that is new goes into `OUTPUTS`, and is tried by every
test of this folder.
"""

from __future__ import annotations

import io
import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from click.testing import CliRunner

from cli.test_watch_process import running
from hotconf import ConfigError, HotReloadWatcher, Schema, Snapshot
from hotconf.cli.app import hotconf
from hotconf.config.redaction.secret_keys import secret_keys
from hotconf.report.difference import side_by_side, unified
from hotconf.report.ndjson import to_json
from hotconf.report.notification import degraded as fallen_back
from hotconf.report.notification import notification
from hotconf.report.problems.excerpt import excerpt
from hotconf.report.problems.lines import concise
from hotconf.sources.base import Options
from hotconf.status.reading import statuses
from hotconf.tui.session import Session
from outputs.planted import quotes
from tui.stage import play, screen, until
from waiting import wait_until


@dataclass(frozen=True)
class Scene:
    """A configuration, and what is saved over it."""

    path: Path
    schema: Schema[Any]
    name: str
    """Of the schema, as `--schema` takes it."""
    before: bytes
    after: bytes

    @property
    def other(self) -> Path:
        """A file beside it that holds what is saved."""
        return self.path.with_name(f"other-{self.path.name}")

    def lay(self) -> None:
        """Both files, as they are at first."""
        self.path.write_bytes(self.before)
        self.other.write_bytes(self.after)


Output: TypeAlias = Callable[[Scene], str]


# The library


def _lived(scene: Scene, look: Callable[[HotReloadWatcher[Any], Any, Snapshot[Any]], list[object]]) -> str:
    """What `look` finds to tell of a watcher whose file was saved, of the event, and of the snapshot before."""
    with HotReloadWatcher(scene.path, scene.schema, debounce_ms=60_000) as watcher:
        before = watcher.snapshot
        scene.path.write_bytes(scene.after)
        event = watcher.reload()
        return _lines(look(watcher, event, before))


def _lines(told: list[object]) -> str:
    return "\n".join(map(str, told))


def events(scene: Scene) -> str:
    """Events, watcher, problems and changes, by `repr` and `str`, which programs may log."""

    def look(watcher: HotReloadWatcher[Any], event: Any, before: Snapshot[Any]) -> list[object]:
        values = (event, watcher, watcher.last, watcher.pending, watcher.stats)
        problems = (*getattr(event, "problems", ()), *getattr(event, "warnings", ()))
        changes = getattr(event, "changes", ())
        parts = [*values, *problems, *changes]
        return [*map(repr, parts), *problems, *changes, getattr(event, "error", ""), *getattr(event, "summary", ())]

    return _lived(scene, look)


def notifications(scene: Scene) -> str:
    """For people."""
    return _lived(scene, lambda watcher, event, before: [notification(event), notification(event, preserved=False)])


def ndjson(scene: Scene) -> str:
    """For programs."""
    return _lived(scene, lambda watcher, event, before: [to_json(event)])


def problem_lines(scene: Scene) -> str:
    """One by one, with their source."""

    def look(watcher: HotReloadWatcher[Any], event: Any, before: Snapshot[Any]) -> list[object]:
        text = scene.after.decode(errors="replace")
        hide = {"secrets": watcher.secrets, "secret_keys": secret_keys(scene.schema)}
        told: list[object] = []
        for problem in (*getattr(event, "problems", ()), *getattr(event, "warnings", ())):
            told += [problem.with_hint, concise(problem), *excerpt(problem, text, context=2, **hide)]
        return told

    return _lived(scene, look)


def differences(scene: Scene) -> str:
    """Two generations side by side, and as a patch."""

    def look(watcher: HotReloadWatcher[Any], event: Any, before: Snapshot[Any]) -> list[object]:
        keys = secret_keys(scene.schema)
        rows = side_by_side(before, watcher.snapshot, secret_keys=keys)
        return [*unified(before, watcher.snapshot, secret_keys=keys), *(f"{row.old} │ {row.new}" for row in rows)]

    return _lived(scene, look)


def waiting(scene: Scene) -> str:
    """The output while something is busy, and afterwards."""
    with HotReloadWatcher(scene.path, scene.schema, debounce_ms=60_000) as watcher:
        with watcher.busy("something"):
            scene.path.write_bytes(scene.after)
            event = watcher.reload()
            told: list[object] = [repr(event), event, notification(event), to_json(event), repr(watcher.pending)]
        told += [repr(watcher.last), watcher.last, repr(watcher.snapshot), repr(watcher.stats)]
        return _lines(told)


def raised(scene: Scene) -> str:
    """What `start()` raises, with its traceback."""
    scene.path.write_bytes(scene.after)
    try:
        with HotReloadWatcher(scene.path, scene.schema):
            return ""
    except ConfigError as error:
        return _lines([repr(error), *error.args, *error.problems, "".join(traceback.format_exception(error))])


def degraded(scene: Scene) -> str:
    """A start on what was saved, which may be broken: what it tells of the state that it comes up on."""
    states = scene.path.with_name("states")
    with HotReloadWatcher(scene.path, scene.schema, state_dir=states):
        pass
    scene.path.write_bytes(scene.after)
    with _logging() as stream, HotReloadWatcher(scene.path, scene.schema, state_dir=states) as watcher:
        told = (watcher, watcher.snapshot, watcher.stats, watcher.last)
        return _lines([*map(repr, told), fallen_back(watcher.snapshot), stream.getvalue()])


@contextmanager
def _logging() -> Iterator[io.StringIO]:
    """A program's own log, formatted as programs do; hotconf has no hand in it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("LOG %(levelname)s %(name)s %(threadName)s %(message)s"))
    logger = logging.getLogger("hotconf")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield stream
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


def logged(scene: Scene) -> str:
    """A program's own log: each record on lines that it begins, or that are indented."""
    with _logging() as stream:
        with HotReloadWatcher(scene.path, scene.schema, debounce_ms=60_000) as watcher:
            watcher.on_event(lambda event: logging.getLogger("hotconf.test").info("told"))
            scene.path.write_bytes(scene.after)
            watcher.reload()
            wait_until(lambda: "event emitted" in stream.getvalue() and "told" in stream.getvalue())
        return stream.getvalue()


def callbacks(scene: Scene) -> str:
    """The log of callbacks that raise, and quote their arguments."""
    given: list[object] = []

    def note(*values: object) -> None:
        given.append(values)
        fail(*values)

    with _logging() as stream:
        with HotReloadWatcher(scene.path, scene.schema, debounce_ms=60_000) as watcher:
            watcher.on_event(lambda event: note(event, watcher.config))
            watcher.on_change(lambda config: config, note)
            scene.path.write_bytes(scene.after)
            watcher.reload()
            wait_until(lambda: given)
        wait_until(lambda: "could not use" in stream.getvalue())
        return stream.getvalue()


# The commands


def _command(*arguments: object) -> Output:
    """Run `hotconf`, with what is saved on stdin; stdout and stderr. `NEW` stands for where there is nothing."""

    def run(scene: Scene) -> str:
        scene.path.write_bytes(scene.after if "--saved" in arguments else scene.before)
        new = scene.path.with_name(f"new-{scene.path.name}")
        places = {"PATH": str(scene.path), "OTHER": str(scene.other), "NEW": str(new), "SCHEMA": scene.name}
        given = [places.get(str(argument), str(argument)) for argument in arguments if argument != "--saved"]
        result = CliRunner().invoke(hotconf, given, input=scene.after)
        assert result.exit_code in (0, 1, 2), result.output
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.output

    return run


def _applied(*arguments: object) -> Output:
    """What refuses it is a factory, which quotes what it got, and prints it to stdout."""
    command = _command("plan", "OTHER", "PATH", "--app", "outputs.scene:factories", "--apply", *arguments)

    def run(scene: Scene) -> str:
        _applying[:] = [scene]
        return command(scene)

    return run


_applying: Final[list[Scene]] = []


def factories() -> HotReloadWatcher[Any]:
    """The watcher of a program whose factory fails."""
    (scene,) = _applying
    watcher: HotReloadWatcher[Any] = HotReloadWatcher(scene.path, scene.schema)
    watcher.resource(lambda config: config)(fail)
    return watcher


def fail(*values: object) -> None:
    """Quote them in all ways."""
    failure = RuntimeError(f"could not use {values}")
    failure.add_note(quotes(values))
    raise failure from KeyError(quotes(values))


def applied(scene: Scene) -> str:
    """The same of a watcher that is running: its event, the log, and what registering raises is the program's."""
    with _logging() as stream:
        with HotReloadWatcher(scene.path, scene.schema, debounce_ms=60_000) as watcher:
            first = [watcher.config]
            watcher.resource(lambda config: config)(lambda config: fail(config) if config is not first[0] else None)
            scene.path.write_bytes(scene.after)
            event = watcher.reload()
            told = [repr(event), event, notification(event), to_json(event), repr(watcher.stats), repr(watcher.last)]
        return _lines([*told, stream.getvalue()])


def _kept(*arguments: object) -> Output:
    """Run `hotconf` on the states that were kept of both contents."""

    def run(scene: Scene) -> str:
        states = scene.path.with_name("states")
        _lived_with(scene, states)
        return _command(*arguments, "--state-dir", states)(scene)

    return run


def _running(*arguments: object) -> Output:
    """Run `hotconf` while a watcher has loaded what was saved, and waits for something busy if it is good."""

    def run(scene: Scene) -> str:
        states = scene.path.with_name("states")
        watcher = HotReloadWatcher(scene.path, scene.schema, debounce_ms=60_000, state_dir=states)
        with watcher, watcher.busy("quality gate"):
            scene.path.write_bytes(scene.after)
            event = watcher.reload()
            wait_until(lambda: any(status.ended == event.at for status in statuses(states, scene.path.absolute())))
            return _command("--saved", *arguments, "--state-dir", states)(scene)

    return run


def _lived_with(scene: Scene, states: Path) -> None:
    with HotReloadWatcher(scene.path, scene.schema, debounce_ms=60_000, state_dir=states) as watcher:
        scene.path.write_bytes(scene.after)
        watcher.reload()


def _watched(*options: str) -> Output:
    """`hotconf watch` as a process, and all that it logs: to stderr, and to its own file."""

    def run(scene: Scene) -> str:
        home = scene.path.with_name("home")
        home.mkdir(exist_ok=True)
        arguments = ["watch", scene.path, "--schema", scene.name, "--debounce-ms", "20", *options]
        tests = Path(__file__).parents[1]
        with running(arguments, home, HOTCONF_LOG="debug", PYTHONPATH=str(tests)) as process:
            said = [process.line()]
            scene.path.write_bytes(scene.after)
            log = home / "debug.log"
            wait_until(lambda: "event emitted" in log.read_text(), 60.0)
            status, rest = process.end()
            assert status == 0
        return _lines([*said, *rest, process.stderr.decode(), log.read_text()])

    return run


# The app


def app(scene: Scene) -> str:
    """The app: its screen after the save, with details, differences and messages."""
    said: list[str] = []

    async def look(pilot: Any) -> None:
        said.append(screen(pilot.app))
        before = pilot.app.view.last
        scene.path.write_bytes(scene.after)
        await pilot.press("r")
        await until(pilot, lambda: pilot.app.view.last is not before)  # a save may change nothing, too
        await pilot.pause()
        said.append(screen(pilot.app))
        for key in ("enter", "escape", "d", "escape", "tab", "down", "enter"):
            await pilot.press(key)
            await pilot.pause()
            said.append(screen(pilot.app))

    with closing(Session(scene.path, lambda: Options(scene.path, scene.schema))) as session:
        play(session, look, size=(120, 40))
    return "\n".join(said)


def _explained(*arguments: object) -> Output:
    """Each value in turn."""

    def run(scene: Scene) -> str:
        keys = [field.alias or name for name, field in scene.schema.model.model_fields.items()]
        commands = (_command("explain", "--saved", key, "PATH", "--schema", "SCHEMA", *arguments) for key in keys)
        return "".join(command(scene) for command in commands)

    return run


OUTPUTS: Final[dict[str, Output]] = {
    "events": events,
    "notifications": notifications,
    "ndjson": ndjson,
    "problem lines": problem_lines,
    "differences": differences,
    "while busy": waiting,
    "what start() raises": raised,
    "log": logged,
    "callbacks that raise": callbacks,
    "a start that falls back": degraded,
    "a factory that raises": applied,
    **{
        f"check as {form}": _command("check", "--saved", "PATH", "--schema", "SCHEMA", "--format", form)
        for form in ("text", "concise", "json", "sarif", "github")
    },
    "show": _command("show", "--saved", "PATH", "--schema", "SCHEMA"),
    "show as json": _command("show", "--saved", "PATH", "--schema", "SCHEMA", "--json"),
    "explain": _explained(),
    "explain as json": _explained("--json"),
    "env": _command("env", "--schema", "SCHEMA"),
    "env as json": _command("env", "--schema", "SCHEMA", "--json"),
    "diff": _command("diff", "PATH", "OTHER", "--schema", "SCHEMA"),
    "diff as json": _command("diff", "PATH", "OTHER", "--schema", "SCHEMA", "--json"),
    "plan": _command("plan", "OTHER", "PATH", "--schema", "SCHEMA"),
    "plan from stdin": _command("plan", "-", "PATH", "--schema", "SCHEMA"),
    "plan as json": _command("plan", "OTHER", "PATH", "--schema", "SCHEMA", "--json"),
    "plan with factories": _applied(),
    "plan with factories as json": _applied("--json"),
    "doctor": _command("doctor", "PATH", "--no-probe"),
    "doctor as json": _command("doctor", "PATH", "--no-probe", "--json"),
    "doctor with a probe": _command("doctor", "PATH"),
    "history": _kept("history", "PATH"),
    "history as json": _kept("history", "PATH", "--json"),
    "diff of states": _kept("diff", "@1", "PATH", "--schema", "SCHEMA"),
    "rollback": _kept("rollback", "--saved", "1", "PATH", "--schema", "SCHEMA"),
    "rollback, not asked": _kept("rollback", "--saved", "1", "PATH", "--schema", "SCHEMA", "--yes", "--remove-new"),
    "status": _running("status", "PATH"),
    "status as json": _running("status", "PATH", "--json"),
    "reload": _running("reload", "PATH", "--wait", "--timeout", "0"),
    "init": _command("init", "NEW", "--schema", "SCHEMA"),
    "init where there is something": _command("init", "--saved", "PATH", "--schema", "SCHEMA"),
    "schema": _command("schema", "--schema", "SCHEMA"),
    "schema into the file": _command("schema", "--saved", "--stamp", "PATH", "--schema", "SCHEMA"),
    "watch": _watched(),
    "watch as json": _watched("--json"),
    "app": app,
}
