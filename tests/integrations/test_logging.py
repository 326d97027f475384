"""`hotconf.integrations.logging`: levels, handlers and formatters follow the configuration, and no record is lost."""

from __future__ import annotations

import json
import logging
import logging.handlers
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from logging.handlers import MemoryHandler
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from hotconf import ConfigError, ReloadFailed, ReloadSuccess, ReloadUnchanged
from hotconf.integrations import logging as integration
from hotconf.integrations.logging import configure
from hotconf.testing import WatcherHandle, watching
from waiting import wait_until

APP = logging.getLogger("kit.app")
"""Made before any of this, as loggers of modules are."""


class Config(BaseModel, frozen=True):
    n: int = 0
    logging: dict[str, Any] = {}


class Spy(logging.Handler):
    """A handler of a program's own, which may refuse, hang, and show whether it was closed."""

    made: ClassVar[list[Spy]] = []
    gate = threading.Event()

    def __init__(self, name: str, *, password: str = "", refuse: bool = False, slow: bool = False) -> None:
        super().__init__()
        if refuse:
            raise ConnectionRefusedError(f"with {password}")
        self.label, self.slow = name, slow
        self.records: list[str] = []
        self.inside = threading.Event()
        self.closed = 0
        self.late = 0
        self.made.append(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.inside.set()
        if self.slow:
            self.gate.wait(60)
        self.late += self.closed
        self.records.append(record.getMessage())

    def close(self) -> None:
        self.closed += 1
        super().close()


@pytest.fixture(autouse=True)
def loggers_as_before() -> Iterator[None]:
    """The loggers of this process are everybody's."""
    loggers = [logging.getLogger(name) for name in (None, "kit", "kit.app", "kit.other")]
    before = [(each, each.level, list(each.handlers), each.propagate, list(each.filters)) for each in loggers]
    yield
    for logger, level, handlers, propagate, filters in before:
        logger.handlers, logger.propagate, logger.filters, logger.disabled = handlers, propagate, filters, False
        logger.setLevel(level)


@pytest.fixture
def follow() -> Iterator[Callable[..., WatcherHandle[Config]]]:
    """A started watcher whose table the logging of this process follows."""
    handles = []

    def begin(table: dict[str, Any]) -> WatcherHandle[Config]:
        handle = watching(Config, text(table), format="json")
        handles.append(handle)
        configure(handle.watcher, "logging")
        return handle.__enter__()

    yield begin
    for handle in handles:
        handle.close()


def text(table: dict[str, Any], n: int = 0) -> str:
    """The file, a line for each part, so that places can be told apart."""
    return json.dumps({"n": n, "logging": table}, indent=1)


def file_table(path: Path, message: str = "%(message)s", level: str = "INFO", **handler: Any) -> dict[str, Any]:
    """One file for `kit`."""
    given = {"class": "logging.FileHandler", "filename": str(path), "formatter": "line", "level": level, **handler}
    return {
        "formatters": {"line": {"format": message}},
        "handlers": {"file": given},
        "loggers": {"kit": {"level": level, "handlers": ["file"], "propagate": False}},
    }


def test_levels_formats_and_files_follow(follow: Any, tmp_path: Path) -> None:
    """Loggers that exist go on working, with what the newest file says."""
    one, two = tmp_path / "one.log", tmp_path / "two.log"
    handle = follow(file_table(one))
    APP.debug("hidden")
    APP.info("first")
    assert not APP.isEnabledFor(logging.DEBUG)
    handle.set(text(file_table(one, level="DEBUG")))
    assert APP.isEnabledFor(logging.DEBUG)
    APP.debug("shown")
    handle.set(text(file_table(two, "new: %(message)s")))
    APP.debug("hidden")
    APP.info("second")
    assert one.read_text() == "first\nshown\n"
    assert two.read_text() == "new: second\n"
    handle.set(text({}))
    assert logging.getLogger("kit").handlers == []
    assert logging.getLogger("kit").propagate
    assert logging.getLogger("kit").level == logging.NOTSET


def test_what_has_not_changed_is_kept(follow: Any, tmp_path: Path) -> None:
    """A save of something else opens no file again: one that is written from its beginning keeps what it has."""
    table = file_table(tmp_path / "log", mode="w")
    handle = follow(table)
    (kept,) = logging.getLogger("kit").handlers
    APP.info("first")
    handle.set(text(table, n=1))
    table["loggers"]["kit.other"] = {"level": "ERROR"}
    handle.set(text(table))
    APP.info("second")
    assert logging.getLogger("kit").handlers == [kept]
    assert (tmp_path / "log").read_text() == "first\nsecond\n"
    table["formatters"]["line"]["format"] = "! %(message)s"
    handle.set(text(table))
    assert logging.getLogger("kit").handlers != [kept]


WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "level": ({"handlers": {"file": {"level": "LOUD"}}}, "handlers.file.level", "Unknown level: 'LOUD'"),
    "level of a logger": ({"loggers": {"kit": {"level": []}}}, "loggers.kit.level", "TypeError"),
    "level of the root": ({"root": {"level": "LOUD"}}, "root.level", "Unknown level"),
    "class": ({"handlers": {"file": {"class": "logging.No"}}}, "handlers.file.class", "logging.No"),
    "module": ({"handlers": {"file": {"class": "no.such.Thing"}}}, "handlers.file.class", "No module named 'no'"),
    "directory": (
        {"handlers": {"file": {"filename": "/no/such/log"}}},
        "handlers.file.filename",
        "FileNotFoundError",
    ),
    "argument": ({"handlers": {"file": {"colour": 1}}}, "handlers.file", "TypeError"),
    "formatter": ({"handlers": {"file": {"formatter": "no"}}}, "handlers.file.formatter", "no formatter 'no'"),
    "filter": ({"handlers": {"file": {"filters": ["no"]}}}, "handlers.file.filters", "no filter 'no'"),
    "handler": ({"loggers": {"kit": {"handlers": ["no"]}}}, "loggers.kit.handlers", "no handler 'no'"),
    "format": ({"formatters": {"line": {"format": "%(broken"}}}, "formatters.line", "ValueError"),
    "unknown": ({"handler": {}}, "handler", "unknown key 'handler'"),
    "unknown of a logger": (
        {"loggers": {"kit": {"handler": []}}},
        "loggers.kit.handler",
        "unknown key 'handler'",
    ),
    "level that is a flag": ({"root": {"level": True}}, "root.level", "expected a level, got bool"),
    "unknown of a formatter": ({"formatters": {"line": {"formt": "x"}}}, "formatters.line.formt", "unknown key"),
    "unknown of a filter": ({"filters": {"f": {"nam": "x"}}}, "filters.f.nam", "unknown key 'nam'"),
    "filters": ({"loggers": {"kit": {"filters": 3}}}, "loggers.kit.filters", "expected a list of names, got int"),
    "filters of a handler": (
        {"handlers": {"file": {"filters": 3}}},
        "handlers.file.filters",
        "expected a list of names",
    ),
    "handlers": ({"loggers": {"kit": {"handlers": 3}}}, "loggers.kit.handlers", "expected a list of names"),
    "no name of a filter": ({"loggers": {"kit": {"filters": [3]}}}, "loggers.kit.filters", "no filter 3"),
    "no name of a handler": ({"loggers": {"kit": {"handlers": [3]}}}, "loggers.kit.handlers", "no handler 3"),
    "propagate": (
        {"loggers": {"kit": {"propagate": "false"}}},
        "loggers.kit.propagate",
        "expected true or false, got str",
    ),
    "existing loggers": ({"disable_existing_loggers": "no"}, "disable_existing_loggers", "expected true or false"),
    "made no handler": (
        {"handlers": {"new": {"()": "os.getpid"}}},
        "handlers.new.()",
        "expected a handler, got int",
    ),
    "made no formatter": ({"formatters": {"f": {"()": "os.getpid"}}}, "formatters.f.()", "expected a formatter"),
    "made no filter": ({"filters": {"f": {"()": "os.getpid"}}}, "filters.f.()", "expected a filter, got int"),
    "version": ({"version": 2}, "version", "unsupported version 2"),
    "incremental": ({"incremental": True}, "incremental", "incremental is not supported"),
    "no table": ({"handlers": {"file": 3}}, "handlers.file", "expected a table, got int"),
    "no tables": ({"root": []}, "root", "expected a table, got list"),
    "circle": (
        {
            "handlers": {
                "a": {"class": "logging.handlers.MemoryHandler", "capacity": 1, "target": "b"},
                "b": {"class": "logging.handlers.MemoryHandler", "capacity": 1, "target": "a"},
            }
        },
        "handlers.a.target",
        "are each other's targets",
    ),
}


def merged(table: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`over` laid over `table`."""
    result = dict(table)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


def test_what_cannot_be_built_refuses_the_save(follow: Any, tmp_path: Path) -> None:
    """At its line, with what the builder said; and no logger has noticed."""
    table = file_table(tmp_path / "log")
    handle = follow(table)
    before = [(each.level, list(each.handlers)) for each in (logging.root, logging.getLogger("kit"))]
    for name, (over, place, said) in WRONG.items():
        failed = handle.set(text(merged(table, over)))
        assert isinstance(failed, ReloadFailed), name
        (problem,) = failed.problems
        assert (problem.kind, problem.path) == ("apply", ("logging", *place.split("."))), name
        assert problem.message.startswith("logging could not be created: "), problem.message
        assert said in problem.message, problem.message
        line = handle.path.read_text().splitlines()[problem.line - 1]
        assert f'"{place.rpartition(".")[2]}":' in line, (name, line)
        assert [(each.level, list(each.handlers)) for each in (logging.root, logging.getLogger("kit"))] == before
    assert isinstance(handle.set(text(table)), ReloadUnchanged)
    APP.info("on")
    assert (tmp_path / "log").read_text() == "on\n"


def test_a_handler_that_exists_is_not_replaced_by_none(follow: Any, spies: list[Spy]) -> None:
    """What a factory returns is checked under a name that had a handler before, too."""
    handle = follow(spied("one"))
    table = spied("one")
    table["handlers"]["one"] = {"()": "os.getpid"}
    failed = handle.set(text(table))
    assert isinstance(failed, ReloadFailed)
    assert failed.problems[0].path == ("logging", "handlers", "one", "()")
    APP.info("on")
    assert spies[0].records == ["on"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("kind", ["FileHandler", "handlers.WatchedFileHandler", "handlers.RotatingFileHandler"])
def test_a_save_that_is_refused_empties_no_log(follow: Any, tmp_path: Path, encoding: str, kind: str) -> None:
    """`mode = "w"` empties a file when its handler is published, not before; what is written then is whole."""
    path = tmp_path / "log"
    path.write_text("of the last run\n", encoding)
    made = {"class": f"logging.{kind}", "mode": "w", "encoding": encoding}
    handle = follow(file_table(path, **made))
    APP.info("one")
    assert path.read_text(encoding) == "one\n"
    wrong = merged(file_table(path, "! %(message)s", **made), {"root": {"level": "LOUD"}})
    assert isinstance(handle.set(text(wrong)), ReloadFailed)
    APP.info("two")
    assert path.read_text(encoding) == "one\ntwo\n"
    before = list(logging.getLogger("kit").handlers)
    with handle.watcher.busy("log"):
        handle.path.write_text(text(file_table(path, "! %(message)s", **made)))
        handle.watcher.reload()
        APP.info("three")
        assert path.read_text(encoding) == "one\ntwo\nthree\n"
    wait_until(lambda: logging.getLogger("kit").handlers != before)
    assert path.read_bytes() == b""
    APP.info("four")
    assert path.read_text(encoding) == "! four\n"


def test_a_log_that_rotates_is_not_emptied(follow: Any, tmp_path: Path) -> None:
    """`logging` appends to it, whatever its mode."""
    (tmp_path / "log").write_text("before\n")
    follow(
        file_table(tmp_path / "log", **{"class": "logging.handlers.RotatingFileHandler"}, mode="w", maxBytes=10_000)
    )
    APP.info("one")
    assert (tmp_path / "log").read_text() == "before\none\n"


def test_mode_w_of_a_device(follow: Any) -> None:
    """It cannot be emptied, and need not be."""
    follow(file_table(Path(os.devnull), mode="w"))
    assert isinstance(logging.getLogger("kit").handlers[0], logging.FileHandler)


def test_a_plan_empties_no_log(tmp_path: Path) -> None:
    """`hotconf plan --apply` creates the handlers of a file while the program writes its log."""
    (tmp_path / "app.py").write_text(
        "from typing import Any\nfrom pydantic import BaseModel\nfrom hotconf import HotReloadWatcher\n"
        "from hotconf.integrations.logging import configure\n"
        "class Config(BaseModel, frozen=True):\n    logging: dict[str, Any] = {}\n"
        "watcher = HotReloadWatcher('config.json', Config)\nconfigure(watcher)\n"
    )
    (tmp_path / "log").write_text("precious\n")
    (tmp_path / "config.json").write_text('{"logging": {}}')
    (tmp_path / "new.json").write_text(json.dumps({"logging": file_table(tmp_path / "log", mode="w")}))
    command = [sys.executable, "-m", "hotconf", "plan", "--apply", "new.json", "--app", "app:watcher"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert "created and closed: logging" in ran.stdout
    assert (tmp_path / "log").read_text() == "precious\n"


@pytest.mark.parametrize("kind", ["formatters", "filters"])
def test_what_refers_to_other_parts_is_not_kept(follow: Any, tmp_path: Path, kind: str) -> None:
    """A handler whose formatter or filter refers to another part of the table follows that part."""
    table = file_table(tmp_path / "log", "ONE %(message)s")
    table["formatters"]["line"], base = {"format": "cfg://formatters.zz.format"}, table["formatters"]["line"]
    table["formatters"]["zz"] = base
    table["filters"] = {"of": {"name": "cfg://filters.zz.name"}, "zz": {"name": "kit"}}
    table["handlers"]["file"]["filters"] = ["of"]
    handle = follow(table)
    APP.info("a")
    over: dict[str, Any] = {"formatters": {"format": "TWO %(message)s"}, "filters": {"name": "other"}}
    table[kind]["zz"] = over[kind]
    assert isinstance(handle.set(text(table)), ReloadSuccess)
    APP.info("b")
    assert (tmp_path / "log").read_text() == {"formatters": "ONE a\nTWO b\n", "filters": "ONE a\n"}[kind]


def test_a_wrong_table_refuses_the_start() -> None:
    """With the builder's error as the cause of `ConfigError`."""
    handle = watching(Config, text({"root": {"level": "LOUD"}}), format="json")
    configure(handle.watcher)
    with pytest.raises(
        ConfigError, match=r"config\.json:\d+:\d+: logging could not be created: ValueError: Unknown level"
    ):
        handle.start()
    handle.close()


def spied(*names: str, **more: Any) -> dict[str, Any]:
    """A table with spies for `kit`."""
    handlers = {name: {"()": f"{__name__}.Spy", "name": name, **more} for name in names}
    return {"handlers": handlers, "loggers": {"kit": {"level": "INFO", "handlers": list(names)}}}


@pytest.fixture
def spies(monkeypatch: pytest.MonkeyPatch) -> list[Spy]:
    """All that are made, found by `logging.config` whatever this module is called."""
    module = sys.modules.setdefault("spied_handlers", type(sys)("spied_handlers"))
    monkeypatch.setattr(module, "Spy", Spy, raising=False)
    monkeypatch.setitem(globals(), "__name__", "spied_handlers")
    Spy.made = []
    Spy.gate = threading.Event()
    return Spy.made


def test_a_handler_is_closed_once_no_record_is_in_it(follow: Any, spies: list[Spy]) -> None:
    """Replaced while a record is on its way: it is closed after that, once."""
    handle = follow(spied("old", slow=True))
    (old,) = spies
    thread = threading.Thread(target=APP.info, args=("slow",))
    thread.start()
    assert old.inside.wait(60)
    handle.set(text(spied("new")))
    APP.info("quick")
    assert (old.closed, spies[1].records) == (0, ["quick"])
    Spy.gate.set()
    thread.join()
    wait_until(lambda: old.closed)
    assert (old.records, old.late, old.closed) == (["slow"], 0, 1)
    assert spies[1].closed == 0


def test_made_anew(follow: Any, tmp_path: Path) -> None:
    """`rebuild` opens all files again: after they were rotated. The next save of something else does not."""
    path = tmp_path / "log"
    handle = watching(Config, text(file_table(path)), format="json")
    made = configure(handle.watcher)
    with handle:
        APP.info("first")
        path.rename(tmp_path / "log.1")
        APP.info("second")
        handle.watcher.rebuild(made)
        APP.info("third")
        (kept,) = logging.getLogger("kit").handlers
        handle.set(text(file_table(path) | {"root": {"level": "ERROR"}}))
        assert logging.getLogger("kit").handlers == [kept]
    assert (tmp_path / "log.1").read_text() == "first\nsecond\n"
    assert path.read_text() == "third\n"


def test_the_listener_of_a_queue_is_started(follow: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.12 makes one for a `QueueHandler`; a program would start the first, and not know of the next."""
    records: queue.SimpleQueue[Any] = queue.SimpleQueue()
    written = logging.FileHandler(tmp_path / "log")

    def listening(**_: object) -> logging.Handler:
        handler = logging.handlers.QueueHandler(records)
        handler.listener = logging.handlers.QueueListener(records, written)  # type: ignore[attr-defined,unused-ignore]
        return handler

    monkeypatch.setattr(sys.modules["logging"], "listening", listening, raising=False)
    table = {"handlers": {"queue": {"()": "logging.listening"}}, "loggers": {"kit": {"handlers": ["queue"]}}}
    handle = follow(table)
    APP.error("one")
    handle.set(text({}))
    wait_until(lambda: (tmp_path / "log").read_text() == "one\n")
    written.close()


def test_what_was_built_in_vain_is_closed(follow: Any, spies: list[Spy]) -> None:
    """Those that were built before the one that refuses; the others of the same table are the old ones."""
    handle = follow(spied("one"))
    table = spied("one", "two", "zz")
    table["handlers"]["zz"]["refuse"] = True
    handle.set(text(table))
    wait_until(lambda: [each.closed for each in spies] == [0, 1])
    handle.watcher.close()
    assert [each.closed for each in spies] == [1, 1]


def test_closing_the_watcher_closes_handlers_and_changes_no_logger(follow: Any, spies: list[Spy]) -> None:
    """Nothing is restored: what is logged later goes where it went."""
    handle = follow(spied("one"))
    handle.watcher.close()
    assert logging.getLogger("kit").handlers == spies
    assert spies[0].closed == 1


def test_handlers_of_others_stay(follow: Any, spies: list[Spy]) -> None:
    """The first time they are replaced, as `dictConfig` does; what is added later stays."""
    kit = logging.getLogger("kit")
    first, later = logging.NullHandler(), logging.NullHandler()
    kit.addHandler(first)
    handle = follow(spied("one"))
    assert kit.handlers == spies
    kit.addHandler(later)
    kit.addFilter(len)
    handle.set(text(spied("two")))
    assert kit.handlers == [spies[1], later]
    assert kit.filters == [len]


def test_existing_loggers(follow: Any, spies: list[Spy]) -> None:
    """They stay enabled; with `disable_existing_loggers` they are silent until the table says otherwise."""
    other = logging.getLogger("kit_of_others")
    handle = follow(spied("one"))
    assert not other.disabled
    handle.set(text({**spied("one"), "disable_existing_loggers": True}))
    assert other.disabled
    assert not APP.disabled  # below one that is named
    assert not any(logging.getLogger(name).disabled for name in ("hotconf", "hotconf.reload", "hotconf.watch"))
    handle.set(text(spied("one")))
    assert not other.disabled


def test_buffers_names_and_filters(follow: Any, spies: list[Spy]) -> None:
    """A buffer is flushed to its target before that is closed; handlers are found by name; a filter is made."""
    table = spied("target")
    table["handlers"]["buffer"] = {"class": "logging.handlers.MemoryHandler", "capacity": 10, "target": "target"}
    table["loggers"]["kit"] |= {"handlers": ["buffer"], "filters": ["app"]}
    table["filters"] = {"app": {"name": "kit"}}
    handle = follow(table)
    (buffer,) = logging.getLogger("kit").handlers
    assert isinstance(buffer, MemoryHandler)
    assert (buffer.name, spies[0].name) == ("buffer", "target")
    logging.getLogger("kit").info("kept")
    handle.set(text(spied("target", password="other")))
    wait_until(lambda: spies[0].closed)
    assert (spies[0].records, spies[0].late) == (["kept"], 0)
    assert spies[1].name == "target"
    wait_until(lambda: logging._handlers.get("target") is spies[1])


class Smtp(BaseModel, frozen=True):
    """A handler with a password."""

    model_config = ConfigDict(populate_by_name=True)

    factory: str = Field(alias="()")
    name: str = "smtp"
    password: SecretStr = SecretStr("")
    refuse: bool = False


class Logging(BaseModel, frozen=True):
    """A table with types."""

    handlers: dict[str, Smtp] = {}
    root: dict[str, Any] = {}


class Typed(BaseModel, frozen=True):
    log: Logging = Logging()


def test_a_model_with_secrets(spies: list[Spy], caplog: Any) -> None:
    """It is a table, too: the handler gets the secret, and no message does."""
    smtp = {"()": f"{__name__}.Spy", "password": "correct horse"}
    table = {"log": {"handlers": {"mail": smtp}}}
    handle = watching(Typed, json.dumps(table), format="json")
    made = configure(handle.watcher, ("log",))
    with handle:
        assert made.current["mail"] is spies[0]
        assert (list(made.current), len(made.current)) == (["mail"], 1)
        smtp["refuse"] = True
        failed = handle.set(json.dumps(table))
        assert isinstance(failed, ReloadFailed)
        assert "ConnectionRefusedError: with ***" in failed.problems[0].message
    assert "correct horse" not in caplog.text


def test_under_load(follow: Any, tmp_path: Path) -> None:
    """Threads log while handlers, formats and levels are replaced: each record is written once."""
    paths = [tmp_path / f"{number}.log" for number in range(3)]
    handle = follow(file_table(paths[0]))
    over = threading.Event()
    counts = [0] * 6

    def write(thread: int) -> None:
        while not over.is_set() and counts[thread] < 20_000:
            APP.info("%d %d", thread, counts[thread])
            counts[thread] += 1
            if counts[thread] % 50 == 0:
                time.sleep(0)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for number in range(1, 61):
        ending = handle.set(text(file_table(paths[number % 3], "%(message)s" + " " * (number % 2)), n=number))
        assert isinstance(ending, ReloadSuccess)
    over.set()
    for thread in threads:
        thread.join()
    written = [line.strip() for path in paths for line in path.read_text().splitlines()]
    assert sorted(written) == sorted(f"{thread} {n}" for thread in range(6) for n in range(counts[thread]))
    assert len(list(Path("/proc/self/fd").iterdir())) < 200


def test_levels_are_forgotten_while_somebody_holds_the_lock() -> None:
    """A thread in the middle of `logging` does not hold up a publication: at once, and once more after that."""
    assert not APP.isEnabledFor(logging.DEBUG)
    holds, release = threading.Event(), threading.Event()

    def hold() -> None:
        with logging._lock:
            holds.set()
            release.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert holds.wait(60)
    integration._forget_levels()
    assert APP._cache == {}
    APP._cache[logging.DEBUG] = False  # as a thread does that began before
    release.set()
    thread.join()
    wait_until(lambda: APP._cache == {})


def test_a_forked_child_goes_on(follow: Any, tmp_path: Path) -> None:
    """It writes to the inherited file, and to that of its next reload."""
    one, two = tmp_path / "one.log", tmp_path / "two.log"
    handle = follow(file_table(one))
    child = os.fork()
    if not child:
        try:
            APP.info("child")
            handle.set(text(file_table(two)))
            APP.info("child again")
            os._exit(0)
        except BaseException:  # noqa: BLE001 - whatever it is
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    APP.info("parent")
    assert one.read_text() == "child\nparent\n"
    assert two.read_text() == "child again\n"


EXAMPLE = Path(__file__).parents[2] / "examples" / "logging"


def test_the_example(tmp_path: Path) -> None:
    """`python app.py`, then a level, a format and a mistake are saved."""
    shutil.copytree(EXAMPLE, tmp_path, dirs_exist_ok=True)
    config, output = tmp_path / "config.toml", tmp_path / "output"
    before = config.read_text() + "\n[hot_reload]\ndebounce_ms = 100\n"

    with output.open("w") as out:
        program = subprocess.Popen([sys.executable, "-u", "app.py"], cwd=tmp_path, stdout=out, stderr=out)
    try:
        wait_until(lambda: "INFO app.jobs: 3 jobs are done" in output.read_text())
        config.write_text(before.replace('level = "INFO"', 'level = "DEBUG"').replace("jobs = 3", "jobs = 1"))
        wait_until(lambda: "INFO app.jobs: 1 jobs are done" in output.read_text())
        assert "DEBUG app.jobs: job 0 begins" in output.read_text()
        config.write_text(before.replace("%(levelname)s", "new"))
        wait_until(lambda: "new app.jobs: 3 jobs are done" in output.read_text())
        config.write_text(before.replace("INFO", "LOUD"))
        wait_until(lambda: "Unknown level: 'LOUD'" in output.read_text())
        assert program.poll() is None
    finally:
        program.terminate()
        program.wait(60)


def test_a_reference_that_leads_nowhere_makes_no_word_a_secret(follow: Any) -> None:
    """What `logging` looked up is shown: it is the name of a part, and no key to anything."""
    handle = follow({})
    for reference in ("cfg://elsewhere.stream", "cfg://handlers.elsewhere"):
        failed = handle.set(text(spied("a") | {"handlers": {"a": {"()": f"{__name__}.Spy", "name": reference}}}))
        assert isinstance(failed, ReloadFailed)
        assert "elsewhere" in failed.problems[0].message
