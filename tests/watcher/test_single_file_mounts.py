"""A bind-mounted single file: that is reported once, and when its source is replaced."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from waiting import wait_until
from watcher.watched import port

LOOKS = {"reconcile_s": 0.1}


class Bound:
    """A source, mounted over the configuration as `docker run -v file:file` does it."""

    def __init__(self, source: Path, path: Path) -> None:
        self.source, self.path = source, path

    def mount(self) -> None:
        subprocess.run(["mount", "--bind", self.source, self.path], check=True, capture_output=True)

    def unmount(self) -> None:
        subprocess.run(["umount", self.path], check=True, capture_output=True)

    def replace(self, number: int) -> None:
        """As most editors save."""
        fresh = self.source.with_name("fresh")
        fresh.write_text(port(number))
        fresh.replace(self.source)


@pytest.fixture
def bound(path):
    """Mounted; skips where that is not allowed."""
    source = path.parent / "outside" / "source.toml"
    source.parent.mkdir()
    source.write_text(port(8000))
    bound = Bound(source, path)
    try:
        bound.mount()
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        pytest.skip(f"nothing can be mounted here: {error}")
    yield bound
    with suppress(subprocess.CalledProcessError):
        bound.unmount()


def test_it_is_said_once(bound, path, watch, caplog):
    """At the start, in the log and in `stats`; in-place writes are still seen."""
    watcher, _ = watch(path, **LOOKS)
    alone = f"{path} is mounted as a single file, so a save that replaces it outside is never seen here"
    assert watcher.stats.trouble == f"{alone}: mount its directory"
    for number in (8001, 8002):
        bound.source.write_text(port(number))
        wait_until(lambda number=number: watcher.config.server.port == number)
    wait_until(lambda: alone in caplog.text)
    assert caplog.text.count(alone) == 1


@pytest.mark.parametrize("act", ["replaced", "removed"])
@pytest.mark.parametrize("observer", ["auto", "poll"])
def test_a_source_that_is_replaced_is_told(bound, path, watch, caplog, act, observer):
    """The old file has no name left: the program keeps running on it, and says that it is out of date."""
    watcher, _ = watch(path, observer=observer, **LOOKS)
    assert not watcher.has_drift()
    if act == "replaced":
        bound.replace(8001)
    else:
        bound.source.unlink()
    told = f"{path} was replaced or removed outside"
    if observer == "auto":
        wait_until(lambda: (watcher.stats.trouble or "").startswith(told))
    wait_until(lambda: told in caplog.text)
    assert watcher.has_drift()
    assert watcher.config.server.port == 8000
    assert caplog.text.count(told) == 1


def test_mounted_anew_all_is_well(bound, path, watch):
    """What is there now is published, and there is no drift."""
    watcher, _ = watch(path, **LOOKS)
    bound.replace(8001)
    wait_until(lambda: "was replaced" in (watcher.stats.trouble or ""))
    bound.unmount()
    bound.mount()
    wait_until(lambda: watcher.config.server.port == 8001)
    wait_until(lambda: "is mounted as a single file" in (watcher.stats.trouble or ""))
    assert not watcher.has_drift()


def test_mounted_after_the_start(bound, path, watch):
    """A file that becomes a mount between two loads is reported."""
    bound.unmount()
    watcher, _ = watch(path, **LOOKS)
    path.write_text(port(8002))
    wait_until(lambda: watcher.config.server.port == 8002)
    assert "is mounted as a single file" not in (watcher.stats.trouble or "")
    bound.mount()
    wait_until(lambda: watcher.config.server.port == 8000)
    wait_until(lambda: "is mounted as a single file" in (watcher.stats.trouble or ""))


def test_a_fragment_that_is_mounted_by_itself(bound, path, watch):
    """Fragments count like the main file."""
    main = path.parent / "main.toml"
    main.write_text("# all of it is in the fragment\n")
    watcher, _ = watch(main, watch_paths=[path.name], **LOOKS)
    assert (watcher.stats.trouble or "").startswith(f"{path} is mounted as a single file")


def test_a_mounted_directory_is_no_trouble(path, watch, tmp_path_factory):
    """What is replaced in it is seen."""
    source = tmp_path_factory.mktemp("source")
    (source / "config.toml").write_text(port(8000))
    point = path.parent / "point"
    point.mkdir()
    directory = Bound(source, point)
    try:
        directory.mount()
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        pytest.skip(f"nothing can be mounted here: {error}")
    try:
        watcher, _ = watch(point / "config.toml", **LOOKS)
        assert watcher.stats.trouble is None
        Bound(source / "config.toml", point).replace(8001)
        wait_until(lambda: watcher.config.server.port == 8001)
        watcher.close()
    finally:
        directory.unmount()
