"""What a process may run out of: watches, inotify instances, descriptors, permission. It is told, and got over."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from torture.contents import main
from torture.extent import FULL, some
from torture.harness import Case
from torture.patterns import plain

LOOKING = {"reconcile_s": 0.2}
TURNS = 4 if FULL else 2


def limited(**limits: int) -> list[str]:
    """A user namespace in which inotify has these limits; skips where there are none."""
    sets = "; ".join(f"echo {value} > /proc/sys/user/max_inotify_{name}" for name, value in limits.items())
    prefix = ["unshare", "--user", "--map-root-user", "sh", "-ec", f'{sets}; exec "$@"', "sh"]
    return able(prefix, "no user namespaces here")


@pytest.mark.parametrize("watches", some([0, 2, 1], 2))
def test_watches(root: Path, begin: Callable[..., Case], watches: int) -> None:
    """inotify watches exhausted: the reconcile takes over, and `stats` says why."""
    path = plain(root).config
    with begin(path, prefix=limited(watches=watches), **LOOKING) as case:
        case.will(main(1000))
        assert "limit of inotify watches" in str(case.process.ask("stats")["trouble"])
        for turn in range(TURNS):
            case.will(main(2000 + turn))
            path.write_text(main(2000 + turn))
            case.settles()
            case.will(main(3000 + turn))
            fresh = path.with_name("fresh")
            fresh.write_text(main(3000 + turn))
            fresh.replace(path)
            case.settles()


def test_watches_come_back(root: Path, begin: Callable[..., Case]) -> None:
    """inotify watches exhausted and granted again: nothing is missing any more."""
    path = plain(root).config
    with begin(path, prefix=limited(watches=2), **LOOKING) as case:
        case.will(main(1000))
        grant = "echo 1000 > /proc/sys/user/max_inotify_watches"
        assert case.process.ask("run", command=["sh", "-c", grant]) == 0
        for number in (2000, 2001):
            case.will(main(number))
            path.write_text(main(number))
            case.settles()
        assert case.process.ask("stats") == {"observer": "inotify", "trouble": None}


def test_instances(root: Path, begin: Callable[..., Case]) -> None:
    """inotify instances exhausted: polling takes over, and `stats` says why."""
    path = plain(root).config
    with begin(path, prefix=limited(instances=0), **LOOKING) as case:
        case.will(main(1000))
        stats = case.process.ask("stats")
        assert stats["observer"] == "poll"
        assert "inotify is unavailable" in stats["trouble"]
        for turn in range(TURNS):
            case.will(main(2000 + turn))
            path.write_text(main(2000 + turn))
            case.settles()


def test_descriptors(root: Path, begin: Callable[..., Case]) -> None:
    """Descriptors exhausted: a save meanwhile is refused, and published when there are some again."""
    path = plain(root).config
    with begin(path, own=True, **LOOKING) as case:
        case.will(main(1000))
        for turn in range(TURNS):
            assert case.process.ask("exhaust") > 0
            case.will(main(2000 + turn))
            path.write_text(main(2000 + turn))
            case.tells("ReloadFailed unreadable", turn + 1)
            case.process.ask("relieve")
            case.settles()


def test_descriptors_at_the_start(root: Path, begin: Callable[..., Case]) -> None:
    """Descriptors exhausted before the start: the watcher comes up by itself when there are some."""
    path = plain(root).config
    with begin(path, own=True, first="exhaust", **LOOKING) as case:
        case.tells("ReloadFailed unreadable")
        case.will(main(1000))
        case.process.ask("relieve")
        case.settles()
        case.will(main(2000))
        path.write_text(main(2000))
        case.settles()


def without_privileges() -> list[str]:
    """To root, too, permissions mean something."""
    if os.geteuid() != 0:
        return []
    prefix = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]
    return able(prefix, "nothing is forbidden to root")


def able(prefix: list[str], otherwise: str) -> list[str]:
    """`prefix`, if a process behind it finds what it needs. Skips if not, in CI, too: not every machine allows it."""
    command = [*prefix, sys.executable, "-c", "import hotconf, torture.contents"]
    tests = Path(__file__).parents[1]
    try:
        tried = subprocess.run(command, cwd=tests, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        pytest.skip(f"{otherwise}: {error}")
    if tried.returncode:
        pytest.skip(f"{otherwise}: {tried.stderr.strip()}")
    return prefix


@pytest.mark.parametrize("level", range(-1, 3), ids=["file", "directory", "above", "far above"])
@pytest.mark.parametrize("saved", some(["meanwhile", "before"], 1))
def test_permission(root: Path, begin: Callable[..., Case], level: int, saved: str) -> None:
    """Permission lost and regained: of the file and of every directory; a save meanwhile is published afterwards."""
    path = root / "a" / "b" / "c" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(main(1000))
    place = path if level < 0 else path.parents[level]
    writer = path.open("r+")
    mode = place.stat().st_mode & 0o777
    with begin(path, prefix=without_privileges(), own=True, **LOOKING) as case, writer:
        case.will(main(1000))
        for turn in range(TURNS):
            if saved == "before":
                case.will(main(2000 + turn))
                path.write_text(main(2000 + turn))
            place.chmod(0)
            try:
                case.tells("ReloadFailed unreadable", turn + 1)
                if saved == "meanwhile":
                    case.will(main(3000 + turn))
                    writer.seek(0)
                    writer.write(main(3000 + turn))
                    writer.flush()
            finally:
                place.chmod(mode)
            case.settles()
            # What was published before says nothing of now: only a new save does.
            case.will(main(4000 + turn))
            path.write_text(main(4000 + turn))
            case.settles()
