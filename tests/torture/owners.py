"""State directories of every owner, group and mode: a program that starts, starts again, and falls back, among others
who may write there.

Run as root: `python -m torture.owners FIRST STEP` tries every STEPth case and prints what was wrong, as JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import NamedTuple

from hotconf import ConfigError, HotReloadWatcher, Problem
from hotconf.history.record import Record, encode
from hotconf.snapshot import SourceFile

ROOT, PROGRAM, OTHER, VANDAL = 0, 10001, 20002, 30003
FS_GROUP = 3000
OWNERS = (ROOT, PROGRAM, OTHER)
GROUPS = (0, FS_GROUP, PROGRAM)
MODES = (0o700, 0o755, 0o711, 0o770, 0o775, 0o777, 0o1777, 0o2770, 0o2775, 0o2777, 0o3777)
UMASKS = (0o000, 0o022, 0o077, 0o777)
FORGED = 6666


class Case(NamedTuple):
    """One of all."""

    owner: int | None
    """None: the directory is not there, and the program makes it."""
    group: int
    mode: int
    who: int
    between: str
    umask: int


def cases() -> list[Case]:
    """All of them; the umask goes through its values beside the others."""
    there = product(OWNERS, GROUPS, MODES, (ROOT, PROGRAM), BETWEEN)
    absent = product((None,), (0,), (0,), (ROOT, PROGRAM), BETWEEN)
    every = enumerate((*there, *absent))
    return [Case(*each, UMASKS[index % len(UMASKS)]) for index, each in every]


@contextmanager
def acting_as(user: int) -> Iterator[None]:
    """For as long as the block runs; all but root belong to the group of the volume."""
    os.setgroups([FS_GROUP])
    os.setegid(user)
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups([])


def below(root: Path) -> list[Path]:
    """All that is there, and itself."""
    return [root, *sorted(root.rglob("*"))] if root.exists() else []


def kubelet(root: Path, setgid: int = stat.S_ISGID) -> None:
    """As Kubernetes does to a volume that has an fsGroup, each time a pod starts."""
    for path in below(root):
        os.chown(path, -1, FS_GROUP)
        more = 0o660 | (setgid | 0o110 if path.is_dir() else 0)
        path.chmod(stat.S_IMODE(path.stat().st_mode) | more)


def nothing(root: Path) -> None:
    """A restart."""


def group_write(root: Path) -> None:
    """As `chgrp -R` and `chmod -R g+rwX`."""
    kubelet(root, 0)


def all_open(root: Path) -> None:
    """As a mount that knows no modes shows everything."""
    for path in below(root):
        path.chmod(0o777)


def opened_directories(root: Path) -> None:
    """The files stay private."""
    for path in below(root):
        if path.is_dir():
            path.chmod(0o2777)


def given_away(root: Path) -> None:
    """To another user."""
    for path in below(root)[1:]:
        os.chown(path, OTHER, FS_GROUP)


BETWEEN: dict[str, Callable[[Path], None]] = {
    act.__name__: act for act in (nothing, kubelet, group_write, all_open, opened_directories, given_away)
}


def forged(main: Path, number: int) -> bytes:
    """A whole state that was never published."""
    files = (SourceFile(main, "main", f"port = {FORGED}\n".encode()),)
    return encode(Record(number, datetime.now(UTC), files))


def vandalize(root: Path, main: Path) -> list[tuple[int, int]]:
    """Do whatever a user who may write there could do. Returns the files that could be opened, and their numbers."""
    held = []
    for path in below(root):
        if path.suffix == ".state":
            with suppress(OSError):
                held.append((os.open(path, os.O_WRONLY), int(path.stem)))
        elif path.name == "lock":
            with suppress(OSError):
                path.unlink()
                path.symlink_to(main)
        elif path.is_dir():
            with suppress(OSError):
                (path / "forged").write_bytes(forged(main, 99))
                (path / "forged").chmod(0o600)
                (path / "forged").rename(path / "00000099.state")
    return held


def replace_directories(root: Path, main: Path) -> None:
    """The directory of the states, and the one above it, become another user's own."""
    for path in [each for each in below(root) if each.is_dir()]:
        with suppress(OSError):
            path.rename(path.with_name(f"{path.name}.away"))
            path.mkdir(0o700)
            (path / "00000099.state").write_bytes(forged(main, 99))
            (path / "00000099.state").chmod(0o600)


def overwrite(held: list[tuple[int, int]], main: Path) -> None:
    """A file once opened can be written to forever."""
    for descriptor, number in held:
        data = forged(main, number)
        with suppress(OSError):
            os.pwrite(descriptor, data, 0)
            os.ftruncate(descriptor, len(data))
        os.close(descriptor)


class Start(NamedTuple):
    """The result of a start."""

    port: int | None
    trouble: str | None
    raised: str | None


def start(case: Case, main: Path, root: Path, refused: int = 0) -> Start:
    """In a process of its own, by the user, up to the end. `refused`: a port that is no longer valid."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read)
            if case.who != ROOT:
                os.setgroups([FS_GROUP])
                os.setgid(case.who)
                os.setuid(case.who)
            os.umask(case.umask)
            os.write(write, json.dumps(_started(main, root, refused)).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    return Start(*json.loads(told)) if told else Start(None, None, "died")


def _started(main: Path, root: Path, refused: int) -> Start:
    def check(config: dict[str, int]) -> list[Problem]:
        return [Problem("not any more")] if config["port"] == refused else []

    watcher = HotReloadWatcher(main, dict, checks=[check], observer="poll", debounce_ms=0, state_dir=root)
    try:
        watcher.start()
    except ConfigError as error:
        return Start(None, None, f"ConfigError: {error}")
    except Exception as error:  # noqa: BLE001 - the finding
        return Start(None, None, f"{type(error).__name__}: {error}")
    first = watcher.stats.state_trouble
    watcher.close()
    return Start(watcher.config["port"], watcher.stats.state_trouble or first, None)


def ours(case: Case, root: Path, before: set[Path]) -> Iterator[str]:
    """What the program made is private."""
    for path in below(root):
        found = path.lstat()
        if path not in before and found.st_uid == case.who and found.st_mode & 0o077:
            yield f"{path.relative_to(root)} has mode {found.st_mode:o}"


def states(root: Path, number: int) -> int:
    """How many states say that."""
    said = [path for path in below(root) if path.suffix == ".state" and b"port = %d" % number in path.read_bytes()]
    return len(said)


def faults(case: Case, base: Path, counts: Counter[str]) -> Iterator[str]:
    """Whatever goes wrong in one case."""
    main, root = base / "config.toml", base / "state"
    if case.who != ROOT:
        os.chown(base, case.who, case.who)
    if case.owner is not None:
        root.mkdir()
        os.chown(root, case.owner, case.group)
        root.chmod(case.mode)
    yield from valid(case, main, root, 8000, counts)
    BETWEEN[case.between](root)
    with acting_as(VANDAL):
        held = vandalize(root, main)
    yield from broken(case, main, root, counts)
    yield from valid(case, main, root, 8001, counts)
    overwrite(held, main)
    yield from broken(case, main, root, counts)
    yield from broken(case, main, root, counts, refused=8001)
    with acting_as(VANDAL):
        replace_directories(root, main)
    yield from broken(case, main, root, counts)
    main.write_text("port = 8002\n")
    told = start(case, main, root)
    if told.port != 8002:
        yield f"start after all that: {told}"


def valid(case: Case, main: Path, root: Path, number: int, counts: Counter[str]) -> Iterator[str]:
    """A start with a valid file."""
    before = set(below(root))
    main.write_text(f"port = {number}\n")
    main.chmod(0o644)
    told = start(case, main, root)
    if told.port != number:
        yield f"start with a valid file: {told}"
    yield from ours(case, root, before)
    kept = bool(states(root, number))
    counts["kept" if kept else "not kept"] += 1
    if kept == bool(told.trouble):
        yield f"kept is {kept}, and it is told: {told.trouble}"


def broken(case: Case, main: Path, root: Path, counts: Counter[str], *, refused: int = 0) -> Iterator[str]:
    """A start with a broken file. If the newest state is `refused` as well, an older one may do."""
    main.write_text("port = [\n")
    told = start(case, main, root, refused)
    counts["fell back" if told.port else "failed"] += 1
    if told.port in (FORGED, refused):
        yield f"a state was believed that others could write: {told}"
    if told.port is None and not str(told.raised).startswith("ConfigError: config.toml"):
        yield f"a start with a broken file: {told}"
    if told.port is None and states(root, 8001) and "No state to start from: " not in str(told.raised):
        yield f"a start that needed a state does not say why it has none: {told}"


def run(first: int, step: int) -> dict[str, object]:
    """Try every `step`th case, beginning with `first`."""
    chosen = cases()[first::step]
    counts: Counter[str] = Counter()
    found = []
    for case in chosen:
        base = Path(tempfile.mkdtemp(prefix="owners-"))
        base.chmod(0o755)
        try:
            found += [f"{case}: {fault}" for fault in faults(case, base, counts)]
        finally:
            shutil.rmtree(base)
    return {"cases": len(chosen), "counts": counts, "faults": found}


if __name__ == "__main__":
    json.dump(run(int(sys.argv[1]), int(sys.argv[2])), sys.stdout)
