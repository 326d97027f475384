"""Mounts: over, under and beside the file. Most of them make no event; the reconcile finds them.

Each scenario has a mount namespace of its own, so that nothing of it is left on the machine.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from torture.contents import main
from torture.extent import FULL, some
from torture.harness import WINDOW_MS, Case
from waiting import wait_until

NAMESPACE = [
    "unshare",
    *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]),
    "--mount",
    "--propagation",
    "private",
]
LOOKING = {"reconcile_s": 0.2}
TURNS = 4 if FULL else 2


@pytest.fixture(autouse=True, scope="module")
def may_mount() -> None:
    """Skips where mounting is forbidden, for root as well: in many containers it is."""
    try:
        tried = subprocess.run(
            [*NAMESPACE, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        pytest.skip(f"no mount namespaces here: {error}")
    if tried.returncode:
        pytest.skip(f"no mount namespaces here: {tried.stderr.strip()}")


def inside(case: Case, path: Path) -> Path:
    """The same path as the process under test sees it."""
    return Path(f"/proc/{case.process.pid}/root{path}")


def do(case: Case, *command: object) -> None:
    """Run a command in the namespace; it must succeed, in the end: nothing is unmounted while somebody reads it."""
    wait_until(lambda: case.process.ask("run", command=[str(part) for part in command]) == 0)


def home(root: Path, text: str = "") -> Path:
    """A file, three directories deep."""
    path = root / "a" / "b" / "c" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text or main(1000))
    return path


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("lazy", some([False, True], 1), ids=lambda lazy: "detached" if lazy else "unmounted")
def test_mounted_over(root: Path, begin: Callable[..., Case], level: int, lazy: bool) -> None:
    """tmpfs: mounted over a directory on the path, filled, saved in, and unmounted; what was below is there again."""
    path = home(root)
    over = path.parents[level]
    with begin(path, prefix=NAMESPACE, **LOOKING) as case:
        case.will(main(1000))
        for turn in range(TURNS):
            do(case, "mount", "-t", "tmpfs", "none", over)
            case.tells("ReloadFailed missing", turn + 1)
            for number in (2000 + turn, 3000 + turn):
                case.will(main(number))
                seen = inside(case, path)
                seen.parent.mkdir(parents=True, exist_ok=True)
                seen.write_text(main(number))
                case.settles()
            case.will(main(1000))
            do(case, "umount", *(["--lazy"] if lazy else []), over)
            case.settles()


@pytest.mark.parametrize("saved", ["in place", "renamed"])
def test_bound_file(root: Path, begin: Callable[..., Case], saved: str) -> None:
    """Bind mount of the file: edited at its source; a rename there changes nothing until it is mounted anew."""
    path, source = home(root), root / "source.toml"
    source.write_text(main(2000))
    with begin(path, prefix=NAMESPACE, **LOOKING) as case:
        case.will(main(1000))
        case.will(main(2000))
        do(case, "mount", "--bind", source, path)
        case.settles()
        for number in range(3000, 3000 + TURNS):
            case.will(main(number))
            if saved == "in place":
                source.write_text(main(number))
            else:
                fresh = source.with_name("fresh.toml")
                fresh.write_text(main(number))
                fresh.replace(source)
                do(case, "umount", path)
                do(case, "mount", "--bind", source, path)
                case.will(main(1000))  # between the two there is what was there before
                case.will(main(number))
            case.settles()
        case.will(main(1000))
        do(case, "umount", path)
        case.settles()


def test_bound_directory(root: Path, begin: Callable[..., Case]) -> None:
    """Bind mount of the directory: what is renamed into its source is seen."""
    path, source = home(root), root / "source"
    source.mkdir()
    (source / "config.toml").write_text(main(2000))
    with begin(path, prefix=NAMESPACE, **LOOKING) as case:
        case.will(main(1000))
        case.will(main(2000))
        do(case, "mount", "--bind", source, path.parent)
        case.settles()
        for number in range(3000, 3000 + TURNS):
            case.will(main(number))
            (source / "fresh.toml").write_text(main(number))
            (source / "fresh.toml").replace(source / "config.toml")
            case.settles()
        case.will(main(1000))
        do(case, "umount", path.parent)
        case.settles()


def test_bound_over_bound(root: Path, begin: Callable[..., Case]) -> None:
    """Bind mounts one over the other: each is seen as it comes and goes."""
    path = home(root)
    with begin(path, prefix=NAMESPACE, **LOOKING) as case:
        case.will(main(1000))
        for number in range(2000, 2000 + TURNS):
            source = root / f"{number}.toml"
            source.write_text(main(number))
            case.will(main(number))
            do(case, "mount", "--bind", source, path)
            case.settles()
        for number in (*reversed(range(2000, 2000 + TURNS - 1)), 1000):
            case.will(main(number))
            do(case, "umount", path)
            case.settles()


@pytest.mark.parametrize("saved", some(["merged, renamed", "lower", "merged", "upper"], 2))
def test_overlay(root: Path, begin: Callable[..., Case], saved: str) -> None:
    """overlayfs: saved in the merged directory, which copies the file up, or behind its back in a layer."""
    path = home(root)
    layers = {name: root / name for name in ("lower", "upper", "work")}
    for layer in layers.values():
        layer.mkdir()
    (layers["lower"] / "config.toml").write_text(main(2000))
    options = ",".join(f"{name}dir={layer}" for name, layer in layers.items())
    with begin(path, prefix=[*NAMESPACE], **LOOKING) as case:
        case.will(main(1000))
        case.will(main(2000))
        if case.process.ask("run", command=["mount", "-t", "overlay", "none", "-o", options, str(path.parent)]):
            pytest.skip("overlayfs cannot be mounted here")
        case.settles()
        for number in range(3000, 3000 + TURNS):
            case.will(main(number))
            if saved == "merged":
                inside(case, path).write_text(main(number))
            elif saved == "merged, renamed":
                fresh = inside(case, path.with_name("fresh.toml"))
                fresh.write_text(main(number))
                fresh.replace(inside(case, path))
            else:
                # In an upper layer the kernel promises nothing after it has looked once: it is mounted anew.
                (layers[saved] / "config.toml").write_text(main(number))
                do(case, "mount", "-o", "remount", path.parent)
            if saved != "lower" or number == 3000:
                case.settles()
            time.sleep(WINDOW_MS / 1000)
        case.settles()


def test_disk_full(root: Path, begin: Callable[..., Case]) -> None:
    """Disk full: a save that ends half-way for lack of room is refused; the next one that fits is published."""
    path = home(root)
    with begin(path, prefix=NAMESPACE, schema="guarded", **LOOKING) as case:
        case.will(main(1000))
        do(case, "mount", "-t", "tmpfs", "-o", "size=64k", "none", path.parent)
        seen = inside(case, path)
        for turn in range(TURNS):
            case.will(main(2000 + turn))
            seen.write_text(main(2000 + turn))
            case.settles()
            fill(seen.parent)
            with pytest.raises(OSError, match="No space left"):
                # Larger than what is left, whatever it is; nothing of it is whole.
                seen.write_text(main(3000 + turn, filling=4000))
            case.tells("ReloadFailed", turn + 1)
            for filler in seen.parent.glob("filler*"):
                filler.unlink()
            case.will(main(4000 + turn))
            seen.write_text(main(4000 + turn))
            case.settles()
        case.will(main(1000))
        do(case, "umount", path.parent)
        case.settles()


def fill(directory: Path, *, with_bytes: bool = True) -> None:
    """Files called `filler…` take all the room there is, or every inode."""
    with suppress(OSError):
        for number in range(1000):
            with (directory / f"filler{number}").open("wb", buffering=0) as file, suppress(OSError):
                while with_bytes:
                    file.write(b"x" * 4096)
