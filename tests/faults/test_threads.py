"""Each of our threads × (is refused, dies at any line, hangs) × every operation: nothing is silently lost."""

from __future__ import annotations

import json
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from faults.threads_life import THREADS
from prefork import completed
from torture.extent import FULL

if not hasattr(os, "fork"):
    pytest.skip("forks", allow_module_level=True)

TESTS = Path(__file__).parent.parent
LIMIT_S = 90
HEAD = """
from pathlib import Path
from faults.threads_life import *
from hotconf.logs import records
life = Life(Path.cwd())
"""


def run(program: str, root: Path) -> Any:
    """What the program reports. It must end by itself, in time and well."""
    root.mkdir(parents=True)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])}
    done = completed(HEAD + dedent(program), cwd=root, env=environment, timeout=LIMIT_S, ignore_warnings=True)
    assert done.returncode == 0, f"{program}\n{done.stderr}{done.stdout}"
    return json.loads(done.stdout.splitlines()[-1])


def run_all(programs: list[str], root: Path) -> list[Any]:
    """Two at a time."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda each: run(each[1], root / str(each[0])), enumerate(programs)))


def test_a_thread_that_is_refused_once(tmp_path):
    """Whichever start of a thread the system refuses, every save is seen in the end, reported, and kept."""
    program = """
        refusing = Refusing(lambda call: call == {number})
        life.live()
        end = time.monotonic() + 5
        while {number} > 1 and time.monotonic() < end and not any("can't start" in line for line in life.logged):
            time.sleep(0.01)
        records.finish()  # as at exit: the last thread that was refused may be the one for the log
        report([refusing.calls, sorted(life.troubles), life.logged])
    """
    calls, _, _ = run(program.replace("{number}", "-1"), tmp_path / "none")
    assert calls >= 4
    dice = random.Random(os.environ.get("HOTCONF_SEED", ""))
    numbers = range(1, calls + 1) if FULL else sorted(dice.sample(range(1, calls + 1), 4))
    results = run_all([program.replace("{number}", str(number)) for number in numbers], tmp_path)
    refused = 0
    for number, (reached, troubles, logged) in zip(numbers, results, strict=True):
        heard = [line for line in (*troubles, *logged) if "can't start new thread" in line]
        assert heard or reached < number, f"call {number} was refused without a word"  # a run may need fewer threads
        refused += bool(heard)
    assert refused > len(numbers) // 3


def test_room_for_a_few_threads(tmp_path):
    """Whatever number of threads there is room for: `start()` raises, or a save is seen, or the trouble is reported;
    once there is room again everything recovers.
    """
    program = """
        room = {room}
        refusing = Refusing(lambda call: call > room)
        try:
            life.watcher.start()
        except RuntimeError as error:
            started = str(error)
            life.watcher.close()
            room = 1000
            life.watcher = life.make()
            life.watcher.start()
        else:
            started = None
        life.save(2)
        end = time.monotonic() + 2
        while life.n != 2 and time.monotonic() < end:
            life.note()
            time.sleep(0.01)
        seen, troubles = life.n == 2, sorted(life.troubles)
        life.save(3)
        life.watcher.reload()
        assert life.n == 3
        room = 1000
        life.save(4)
        life.until(lambda: life.n == 4, "with room again a save was not seen")
        life.until(lambda: life.told and life.told[-1] == 4, "the callback was not called")
        life.until(lambda: life.watcher.stats.trouble is None, "trouble remains")
        life.watcher.close()
        life.kept(4)
        report([started, seen, troubles])
    """
    results = run_all(
        [program.replace("{room}", str(room)) for room in ((0, 2, 3, 4, 5, 6, 7, 20) if FULL else (0, 3, 5, 20))],
        tmp_path,
    )
    for started, seen, troubles in results:
        assert (started and "thread" in started) or seen or troubles, (started, seen, troubles)
    assert results[0][0]
    assert not results[-1][2]


def test_states_are_kept_without_a_thread_for_them(tmp_path):
    """Refused for good, it shows in `state_trouble` and the log, and `close()` keeps the newest state itself."""
    program = """
        refusing = Refusing(lambda call: "hotconf state" in repr(sys._getframe(2).f_locals.get("thread").name))
        life.start()
        life.save(2)
        life.until(lambda: life.n == 2, "a save was not seen")
        life.until(lambda: life.watcher.stats.state_trouble, "no trouble was told")
        life.until(lambda: any("not kept" in line for line in life.logged), "nothing was logged")
        life.watcher.close()
        life.kept(2)
        report(life.logged)
    """
    program = program.replace(
        'lambda call: "hotconf state" in repr(sys._getframe(2).f_locals.get("thread").name)', "named"
    )
    named = """
        def named(call):
            frame = sys._getframe(2)
            return frame.f_locals["self"].name == "hotconf state"
    """
    assert run(dedent(named) + dedent(program), tmp_path / "0")


@pytest.mark.parametrize("name", THREADS)
def test_a_thread_that_dies_at_any_line(tmp_path, name):
    """An exception at any line that the thread runs: every save is seen in the end, reported, and kept."""
    program = """
        killing = Killing("{name}", {number}, {error})
        life.live()
        report([killing.lines, killing.where])
    """.replace("{name}", name)
    lines, _ = run(program.replace("{number}", "-1").replace("{error}", "Death"), tmp_path / "none")
    assert lines > 10
    dice = random.Random(f"{os.environ.get('HOTCONF_SEED', '')}{name}")
    most = 300 if FULL else 2
    numbers = range(1, lines + 1) if lines <= most else sorted(dice.sample(range(1, lines + 1), most))
    programs = [
        program.replace("{number}", str(number)).replace("{error}", error)
        for number in numbers
        for error in (("Death", "MemoryError") if FULL else (dice.choice(("Death", "MemoryError")),))
    ]
    results = run_all(programs, tmp_path)
    assert any(where for _, where in results)


HANGS = {
    "a check": 'checks=[lambda config: wait(config["n"])]',
    "a callback": "",
    "the disk": 'state_dir="states"',
}


@pytest.mark.parametrize("hang", HANGS)
def test_what_hangs_is_told_and_stops_no_other_watcher(tmp_path, hang):
    """`stats` shows it, and the log once; others see saves and call back, also in a forked child; closing and the
    exit of the process wait no longer than the budget of a stop.
    """
    program = """
        from hotconf.system import worker
        from hotconf.runtime import driver
        from hotconf.history.store import StateStore as Kept
        worker.HUNG_NS = driver.HUNG_NS = 1_000_000_000
        hung = threading.Event()

        def wait(n):
            if n == 2:
                hung.set()
                threading.Event().wait()
            return ()

        if {hang!r} == "the disk":
            Kept.write = lambda *_: wait(2)
        other = Path("other.toml").resolve()
        other.write_text("n = 1")
        watcher = HotReloadWatcher(other, dict, debounce_ms=0, reconcile_s=0.1, {options})
        if {hang!r} == "a callback":
            watcher.on_change("n")(lambda _, new: wait(new))
        life.watcher = HotReloadWatcher(life.path, dict, debounce_ms=0, reconcile_s=0.1)
        life.watcher.on_change("n")(lambda _, new: life.told.append(new))
        watcher.start()
        life.watcher.start()
        other.write_text("n = 2")
        assert hung.wait(PATIENT_S)
        for number in range(2, 6):
            life.save(number)
            life.until(lambda: life.n == number, "another watcher was held up")
        life.until(lambda: life.told[-1] == 5, "its callback was held up")
        told = set()
        said = lambda: told.update(filter(None, (watcher.stats.trouble, watcher.stats.state_trouble)))
        life.until(lambda: said() or told, "nobody tells")
        hints = ("has been busy", "has not returned")
        life.until(lambda: any(hint in line for hint in hints for line in life.logged), "nothing is logged")
        life.fork()
        began = time.monotonic()
        life.watcher.close()
        watcher.close()
        took = time.monotonic() - began
        report([sorted(told), took])
    """
    program = program.replace("{hang!r}", repr(hang)).replace("{options}", HANGS[hang])
    told, took = run(program, tmp_path / "0")
    assert told
    assert took < 10


def test_many_loads_that_hang_delay_others_once(tmp_path):
    """However many: `stats` and the log name them, and another watcher sees its save all the same."""
    program = """
        from hotconf.runtime import driver
        driver.HUNG_NS = 1_000_000_000
        hung, watchers, many = [], [], 12
        for number in range(many):
            path = Path(f"{number}.toml").resolve()
            path.write_text("n = 1")
            check = lambda config: ((hung.append(1), threading.Event().wait()) if config["n"] == 2 else None, ())[1]
            watchers.append(HotReloadWatcher(path, dict, checks=[check], debounce_ms=0))
            watchers[-1].start()
        life.watcher = HotReloadWatcher(life.path, dict, debounce_ms=0)
        life.watcher.start()
        for each in watchers:
            each.path.write_text("n = 2")
        life.until(lambda: hung, "nothing hangs")
        life.save(2)
        life.until(lambda: life.n == 2, "another watcher was held up")
        life.until(lambda: "11 more" in str(watchers[0].stats.trouble), "nobody tells")
        named = lambda: {n for n in range(many) for line in life.logged if f"/{n}.toml has not returned" in line}
        life.until(lambda: len(named()) == many, "not all are logged")
        life.save(3)
        life.until(lambda: life.n == 3, "another watcher was held up again")
        report([len(hung), watchers[0].stats.trouble])
        sys.stdout.flush()
        os._exit(0)
    """
    hung, trouble = run(program, tmp_path / "0")
    assert hung == 12
    assert "a layer, validator or check may hang" in trouble


@pytest.mark.parametrize("how", ["one after the other", "at exit", "by SIGTERM"])
def test_the_budget_of_a_stop_is_the_processs(tmp_path, how):
    """Twelve watchers whose callbacks hang take as long to close as one."""
    program = """
        import signal
        entered, watchers = [], []
        for number in range(12):
            path = Path(f"{number}.toml").resolve()
            path.write_text("n = 1")
            watcher = HotReloadWatcher(path, dict, debounce_ms=0)
            watcher.on_event(lambda event: (entered.append(event), threading.Event().wait()))
            watcher.start()
            path.write_text("n = 2")
            watchers.append(watcher)
        end = time.monotonic() + PATIENT_S
        while len(entered) < 12:
            assert time.monotonic() < end
            time.sleep(0.01)
        began = time.monotonic()
        report(None)
        print()
        if {how!r} == "one after the other":
            for watcher in watchers:
                watcher.close()
            report(time.monotonic() - began)
        elif {how!r} == "by SIGTERM":
            import atexit
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
            atexit.register(lambda: report(time.monotonic() - began))
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            import atexit
            atexit.register(lambda: report(0))
    """
    began = time.monotonic()
    run(program.replace("{how!r}", repr(how)), tmp_path / "0")
    assert time.monotonic() - began < 22  # one after the other it would be 24 and more
