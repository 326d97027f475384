"""The harness: a watcher in a process of its own, a scenario that does things to its files, and the verdict.

**wrong**: a state was published in which the files never were. **deaf**: the final state was not published.
**hung**: something did not return. **leaked**: descriptors or threads were left behind.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, NoReturn, Self, TypeAlias

from prefork import MODULE, Program
from torture.judge import Judge, State, state

Fault: TypeAlias = Literal["wrong", "deaf", "hung", "leaked"]

FAULTS: Final[tuple[Fault, ...]] = ("wrong", "deaf", "hung", "leaked")
PATIENCE_S: Final = 60.0
"""For anything to happen, however slow the machine."""
WINDOW_MS: Final = 60
EVENTS_ONLY: Final[dict[str, Any]] = {"reconcile_s": 3600.0}
"""The reconcile comes too late to help."""
_TESTS: Final = Path(__file__).parents[1]


class HungError(Exception):
    """It did not answer in time."""


class DeafError(Exception):
    """What was to come did not."""


class DiedError(Exception):
    """The process under test has ended."""


class Process:
    """A `torture.subject`, started behind `prefix`: `unshare`, `setpriv` and the like."""

    def __init__(
        self, prefix: Sequence[str] = (), environment: Mapping[str, str] | None = None, *, own: bool = False
    ) -> None:
        """`own`: with an interpreter of its own, for those who take its descriptors or memory away."""
        own = {"PYTHONPATH": os.pathsep.join([str(_TESTS), os.environ.get("PYTHONPATH", "")])}
        given: dict[str, Any] = {
            "cwd": _TESTS,
            "env": {**os.environ, **(environment or {}), **own},
            "stdin": subprocess.PIPE,
            "stdout": subprocess.PIPE,
            "text": True,
            "start_new_session": True,
        }
        if prefix or own:
            self._process = subprocess.Popen([*prefix, sys.executable, "-m", "torture.subject"], **given)
        else:
            self._process = Program(MODULE.format("torture.subject"), **given)
        self.lines: list[dict[str, Any]] = []
        """Everything published and told since it was last cleared."""
        self.news = threading.Condition()
        self._answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.pid: int = self._answer(PATIENCE_S)["ready"]

    def ask(self, command: str, /, **arguments: object) -> Any:
        """Have it do something. Raises `HungError`, `DiedError`, or RuntimeError if it is refused."""
        if self._process.stdin is None:
            raise AssertionError("no pipe")
        try:
            self._process.stdin.write(json.dumps({"do": command, **arguments}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise DiedError(f"before {command}") from None
        answer = self._answer(PATIENCE_S)
        if "refused" in answer:
            raise RuntimeError(answer["refused"])
        return answer["answer"]

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def end(self) -> int:
        """Let it come to its end by itself, watcher or no watcher; its exit code. Raises `HungError`."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            code = self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise HungError("the process does not end") from None
        self._reader.join(PATIENCE_S)
        self._close()
        return code

    def kill(self) -> None:
        """Kill it, and whatever it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join(PATIENCE_S)
        self._close()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def _close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    def _answer(self, timeout_s: float) -> dict[str, Any]:
        try:
            answer = self._answers.get(timeout=timeout_s)
        except queue.Empty:
            raise HungError("no answer") from None
        if "died" in answer:
            raise DiedError(f"exit code {self._process.wait()}")
        return answer

    def _read(self) -> None:
        if self._process.stdout is None:
            return
        for line in self._process.stdout:
            said = json.loads(line)
            if said.keys() & {"answer", "refused", "ready"}:
                self._answers.put(said)
                continue
            with self.news:
                self.lines.append(said)
                self.news.notify_all()
        self._answers.put({"died": True})
        with self.news:
            self.news.notify_all()


Tell: TypeAlias = Callable[[str, Collection[Fault]], object]
"""Takes the name of a scenario that has run once more, and the kinds of what was wrong with it."""


class Tally:
    """How many runs of each scenario, and what was wrong with them."""

    def __init__(self) -> None:
        self.runs: Counter[str] = Counter()
        self.faults: dict[str, Counter[Fault]] = {}

    def add(self, scenario: str, faults: Collection[Fault]) -> None:
        """One more run."""
        self.runs[scenario] += 1
        self.faults.setdefault(scenario, Counter()).update(set(faults))

    def lines(self) -> list[str]:
        """The summary, a line for each scenario."""
        if not self.runs:
            return []
        wide = max(map(len, self.runs), default=0)
        rows = [("scenario".ljust(wide), "runs", *FAULTS)]
        for scenario, runs in sorted(self.runs.items()):
            counts = (str(self.faults[scenario][kind]) for kind in FAULTS)
            rows.append((scenario.ljust(wide), str(runs), *counts))
        totals = (str(sum(each[kind] for each in self.faults.values())) for kind in FAULTS)
        rows.append(("all".ljust(wide), str(self.runs.total()), *totals))
        return ["  ".join([first, *(cell.rjust(6) for cell in rest)]) for first, *rest in rows]


class Case:
    """One scenario: announce each state with `will` before it is made, and end with `settles`.

    As a context manager it starts the watcher, closes it, and raises AssertionError for whatever was found.
    """

    def __init__(
        self,
        process: Process,
        path: Path,
        *,
        tell: Tell,
        name: str,
        schema: str = "loose",
        callbacks: Sequence[str] = (),
        first: str | None = None,
        **options: Any,
    ) -> None:
        self.process = process
        self.path = path
        self._first = first
        """Asked of the process before the watcher is started."""
        self.faults: list[tuple[Fault, str]] = []
        self._judge = Judge()
        self._judged = 0
        self._tell, self._name = tell, name
        self._asked = {
            "path": str(path),
            "schema": schema,
            "callbacks": list(callbacks),
            "debounce_ms": WINDOW_MS,
            **EVENTS_ONLY,
            **options,
        }
        self._before: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self.process.lines.clear()
        self._before = self.process.ask("figures")
        if self._first:
            self.process.ask(self._first)
        self.process.ask("watch", **self._asked)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, HungError | DiedError):
            self.faults.append(("hung", str(error)))
        if self.process.alive and not self._found("hung"):
            self._end()
        self._judged_all()
        if kind is None or self.faults:
            self._tell(self._name, [kind for kind, _ in self.faults])
        if self.faults:
            story = (line.get("event") or _short(line.get("published", ())) for line in self.process.lines[-60:])
            raise AssertionError("\n".join([*(f"{kind}: {what}" for kind, what in self.faults), *map(str, story)]))

    # What the scenario says

    def will(self, files: Mapping[Path, str] | Sequence[tuple[Path, str]] | str) -> None:
        """The next complete state: all files, in merging order, or the text of the only one."""
        self._judge.expect(state({self.path: files} if isinstance(files, str) else files))

    def mark(self) -> int:
        """Where in the order of states the next one stands, for `slow`."""
        return len(self._judge.states)

    def slow(self, before: int, files: Sequence[tuple[Path, str]]) -> None:
        """The machine was slow, and this stood there long enough to count, before the state that was to come then."""
        self._judge.states.insert(before, state(files))

    def settles(self) -> None:
        """The latest state is published, sooner or later."""
        final = self._judge.states[-1]
        if not self._comes(lambda: self._judged_all() == final):
            found = [(path, _text(path)) for path, _ in final]
            assert found == list(final), f"the scenario is wrong: {_short(found)} is not {_short(final)}"
            self._deaf(f"the files are {_short(final)}, published is {_short(self._judged_all() or ())}")

    def falls_back(self) -> None:
        """The files are broken; the latest state is published all the same, because it was kept."""
        if not self._comes(lambda: self._judged_all() == self._judge.states[-1]):
            self._deaf(f"it did not come up on {_short(self._judge.states[-1])}")
        if not self.process.ask("states")["degraded"]:
            self.faults.append(("wrong", "nobody is told that the files are broken"))

    def tells(self, begins: str, times: int = 1) -> None:
        """It told something that begins so, that many times since the start: `ReloadFailed syntax`."""
        if not self._comes(lambda: sum(line.startswith(begins) for line in self.told) >= times):
            self._deaf(f"{begins} was not told {times} times")

    def closes(self) -> None:
        """A callback has closed the watcher. Otherwise it hung."""
        if not self._comes(lambda: any("closed" in line for line in list(self.process.lines))):
            raise HungError("the callback that closes does not return")

    @property
    def told(self) -> list[str]:
        """The events so far."""
        return [line["event"] for line in list(self.process.lines) if "event" in line]

    # Judging

    def _comes(self, condition: Any) -> bool:
        deadline_s = time.monotonic() + PATIENCE_S
        with self.process.news:
            while not condition():
                left_s = deadline_s - time.monotonic()
                if left_s <= 0 or not self.process.alive:
                    return bool(condition())
                self.process.news.wait(min(left_s, 1.0))
        return True

    def _judged_all(self) -> State | None:
        """Judge every publication that has not been judged yet; the latest of all."""
        published = [line for line in list(self.process.lines) if "published" in line]
        files: State | None = None
        for index, line in enumerate(published):
            files = tuple((path, text) for path, text in line["published"])
            if index >= self._judged:
                self._judged = index + 1
                what = self._judge.wrong(files, line["says"])
                if what is not None:
                    self.faults.append(("wrong", what))
        return files

    def _end(self) -> None:
        try:
            self.process.ask("close")
            self._judged_all()
            self._leaks()
        except (HungError, DiedError) as error:
            self.faults.append(("hung", f"at the end: {error}"))

    def _leaks(self) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        while True:
            after = self.process.ask("figures")
            left = {key: after[key] for key in ("descriptors", "threads") if after[key] != self._before[key]}
            if not left:
                return
            if time.monotonic() > deadline_s:
                self.faults.append(("leaked", f"{left}, before: {self._before}"))
                return
            time.sleep(0.05)

    def _deaf(self, what: str) -> NoReturn:
        self.faults.append(("deaf", what))
        self.faults[-1] = "deaf", f"{what}\n{self.process.ask('stalled')}"
        raise DeafError(what)

    def _found(self, kind: Fault) -> bool:
        return any(each == kind for each, _ in self.faults)


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError as error:
        return str(error)


def _short(files: Sequence[Sequence[str]]) -> list[str]:
    return [f"{Path(path).name}: {' '.join(text.split()[:5])} … {text[-12:]!r}" for path, text in files]
