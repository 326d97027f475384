"""Programs with green threads: gevent and eventlet, patched before hotconf was imported or after."""

from __future__ import annotations

import pytest

from system.green import ORDERS, run_green
from torture.extent import FULL

PROGRAM = """
    import os, threading, time
    from pathlib import Path
    from hotconf import HotReloadWatcher
    path = Path("config.toml")
    path.write_text("n = 1")
    ticks = []

    def tick():
        while True:
            ticks.append(time.monotonic())
            nap(0.002)

    def save(text):
        Path("new").write_text(text)
        os.replace("new", path)

    def until(condition):
        deadline = time.monotonic() + 40
        while not condition():
            assert time.monotonic() < deadline, condition
            nap(0.005)

    def paces(work, fewest=3):
        before = len(ticks)
        result = work()
        assert len(ticks) >= before + fewest, (work, len(ticks) - before)
        return result

    watcher = HotReloadWatcher("config.toml", dict, debounce_ms=20, {options})
    spawn(tick)
"""


def run(body: str, name: str, tmp_path, *, late: bool, options: str = "reconcile_s=3600") -> None:
    """The program, then `body`; it must run to its end."""
    lines = [*PROGRAM.replace("{options}", options).rstrip().split("\n"), *body.split("\n"), '    print("done")']
    assert run_green("\n".join(lines), name, late=late, cwd=tmp_path) == "done\n"


green = pytest.mark.parametrize(("name", "late"), ORDERS)


@green
def test_saves_are_seen_while_the_program_goes_on(tmp_path, name, late):
    """Each of many saves, one after the other; other greenlets run meanwhile."""
    body = """
    watcher.start()
    def saves():
        for number in range(2, 12):
            save(f"n = {number}")
            until(lambda: watcher.config["n"] == number)
    paces(saves)
    save("n = ")
    until(lambda: type(watcher.last).__name__ == "ReloadFailed")
    assert watcher.config["n"] == 11
    watcher.close()
    assert not [t.name for t in threading.enumerate() if t.name.startswith("hotconf")]
    """
    run(body, name, tmp_path, late=late)


@green
def test_callbacks_are_greenlets_and_may_use_what_was_patched(tmp_path, name, late):
    """A lock that a greenlet holds, a sleep, an event: the callback waits cooperatively, and in order."""
    body = """
    lock, told, woken = threading.Lock(), [], threading.Event()

    @watcher.on_change("n")
    def on_change(old, new):
        with lock:
            time.sleep(0.05)
            told.append(new)
        woken.set()

    watcher.start()
    main = threading.get_ident
    with lock:
        save("n = 2")
        until(lambda: watcher.config["n"] == 2)
        paces(lambda: nap(0.3), 3)
        assert told == []
    until(lambda: told == [2])
    assert woken.wait(30)
    for number in (3, 4):
        save(f"n = {number}")
        until(lambda: told[-1] == number)
    watcher.close()
    assert told == [2, 3, 4]
    """
    run(body, name, tmp_path, late=late)


@green
def test_whoever_calls_from_a_greenlet_waits_green(tmp_path, name, late):
    """`reload()` behind a slow check, `busy()` and its release, a stream, `close()` while a callback hangs."""
    body = """
    import hotconf
    from hotconf.system.threads import original
    slow = []

    def check(config):
        if slow:
            original("time", "sleep")(0.5)
        return ()

    watcher = HotReloadWatcher("config.toml", dict, debounce_ms=20, reconcile_s=3600, checks=[check])
    hung, entered = threading.Event(), []

    @watcher.on_event
    def on_event(event):
        entered.append(event)
        hung.wait(3)

    watcher.start()
    slow.append(1)
    save("n = 2")
    assert type(paces(watcher.reload, 3)).__name__ == "ReloadSuccess"
    slow.clear()
    with watcher.busy("test"):
        save("n = 3")
        until(lambda: watcher.pending)
        assert watcher.config["n"] == 2
    assert watcher.config["n"] == 3

    stream, seen = watcher.subscribe(), []
    spawn(lambda: seen.extend(stream))
    paces(lambda: nap(0.2), 3)
    save("n = 4")
    until(lambda: len(seen) == 2)
    until(lambda: entered)
    paces(watcher.close, 3)
    """
    run(body, name, tmp_path, late=late)


@green
def test_validators_and_log_handlers_may_use_what_was_patched(tmp_path, name, late):
    """A handler with a lock that a greenlet holds for a while stops nothing, and has all records in the end."""
    body = """
    import logging
    lock, lines = threading.Lock(), []

    class Locking(logging.Handler):
        def emit(self, record):
            with lock:
                lines.append(record.getMessage())

    logging.getLogger("hotconf").addHandler(Locking())
    logging.getLogger("hotconf").setLevel(logging.DEBUG)
    watcher.start()
    with lock:
        for number in (2, 3):
            save(f"n = {number}")
            until(lambda: watcher.config["n"] == number)
        before = len(lines)
        paces(lambda: nap(0.2), 3)
        assert len(lines) == before
    until(lambda: lines.count("ReloadSuccess event emitted") == 2)
    watcher.close()
    """
    run(body, name, tmp_path, late=late)


@green
@pytest.mark.parametrize("end", ["", "raise SystemExit(0)", "watcher.close()"] if FULL else [""])
def test_the_exit_is_prompt(tmp_path, name, late, end):
    """Even with a callback that waits forever, the program ends."""
    body = f"""
    entered = []

    @watcher.on_event
    def on_event(event):
        entered.append(event)
        threading.Event().wait()

    watcher.start()
    save("n = 2")
    until(lambda: entered)
    print("done")
    {end or "pass"}
    import sys, os
    sys.stdout.flush()
    sys.stdout = open(os.devnull, "w")
    """
    run(body, name, tmp_path, late=late)


@pytest.mark.parametrize("late", [False, True])
def test_a_child_of_a_fork_goes_on_green(tmp_path, late):
    """gevent's greenlets live on in the child, and so do its watchers and their callbacks."""
    body = """
    told = []
    watcher.on_change("n")(lambda old, new: told.append((os.getpid(), new)))
    watcher.start()
    child = os.fork()
    if child:
        until(lambda: Path("ready").exists())
    else:
        Path("ready").touch()
    if child:
        save("n = 2")
    until(lambda: watcher.config["n"] == 2 and told == [(os.getpid(), 2)])
    if not child:
        os._exit(0)
    pid, status = os.waitpid(child, 0)
    assert status == 0, status
    """
    run(body, "gevent", tmp_path, late=late)


@green
def test_a_greenlet_killed_before_its_callback_began(tmp_path, name, late):
    """The callback is lost, as the program wanted; the next one is called."""
    body = """
    import sys
    told, killed = [], []
    library = sys.modules["gevent" if "gevent" in sys.modules else "eventlet"]
    real = library.spawn

    def spawn_and_kill(*given):
        made = real(*given)
        if not killed:
            killed.append(made)
            made.kill(**({"block": False} if library.__name__ == "gevent" else {}))
        return made

    watcher.start()
    watcher.on_change("n", lambda old, new: told.append(new))
    library.spawn = spawn_and_kill
    save("n = 2")
    until(lambda: killed)
    save("n = 3")
    until(lambda: told)
    watcher.close()
    """
    run(body, name, tmp_path, late=late)
