"""Real tools take fragments away and put them back: the limit in them is never published away unless it is gone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hotconf import ReloadFailed, ReloadSuccess, ReloadUnchanged
from realtools import need, nobodys, run, workplace
from torture.extent import some, thinned
from waiting import wait_until

pytestmark = pytest.mark.real_tool

WINDOW_MS = 300
LIMIT, OTHER = "[server]\nport = 9000\n", 'tags = ["other"]\n'
MAIN = "[hot_reload]\nwatch_paths = ['conf.d']\n"


class Place(NamedTuple):
    """Where a tool works, and its arguments."""

    root: Path
    watch: Callable[..., Any]

    def run(self, *command: str) -> None:
        """Run a tool to its end."""
        run(self.root, nobodys(self.root), *command)

    def write(self, directory: str, **files: str) -> None:
        """Fragments in a directory."""
        (self.root / directory).mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (self.root / directory / f"{name}.toml").write_text(text)

    def begin(self, directory: str = "etc", **options: Any) -> Any:
        """Watch `config.toml` there."""
        options.setdefault("debounce_ms", WINDOW_MS)
        return self.watch(self.root / directory / "config.toml", **options)


@pytest.fixture
def place(watch: Callable[..., Any]) -> Iterator[Place]:
    """An empty directory in the checkout."""
    with workplace("gone-") as root:
        yield Place(root, watch)


@contextmanager
def the_limit_stays(watcher: Any) -> Iterator[None]:
    """While this lasts every published state keeps the limit."""
    seen: list[object] = []
    assert watcher.config.server.port == 9000
    with watcher.on_change("server.port", lambda old, new: seen.append(new)):
        yield
        assert watcher.config.server.port == 9000
        assert seen == []


def missed(watcher: Any) -> None:
    """Wait until the round waits for what is gone."""
    wait_until(lambda: watcher.gone)


@pytest.mark.parametrize("others", [True, False], ids=["fewer", "all"])
def test_stow(place, others):
    """A package is restowed, then unstowed and stowed again with a pause: waited out, and nothing has changed."""
    need("stow")
    place.write("packages/limits/conf.d", limit=LIMIT)
    (place.root / "etc/conf.d").mkdir(parents=True)
    if others:
        place.write("etc/conf.d", other=OTHER)
    (place.root / "etc/config.toml").write_text(MAIN)
    stow = ("stow", "-d", "packages", "-t", "etc", "--no-folding")
    place.run(*stow, "limits")
    watcher, seen = place.begin()
    with the_limit_stays(watcher):
        place.run(*stow, "-R", "limits")  # some versions find that there is nothing to do
        place.run(*stow, "-D", "limits")
        missed(watcher)
        place.run(*stow, "-S", "limits")
        assert isinstance(seen.ending(), ReloadUnchanged)


@pytest.fixture
def repository(place: Place) -> Place:
    """A repository with fragments, and a branch that lacks one of them, and one that lacks all."""
    git = ("git", "-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "init.defaultBranch=main")
    place.run(*git, "init", "-q", "etc")
    place.write("etc/conf.d", limit=LIMIT, other=OTHER)
    (place.root / "etc/config.toml").write_text(MAIN)
    for branch, lost in (("main", ()), ("fewer", ("limit",)), ("none", ("other",))):
        if lost:
            place.run(*git, "-C", "etc", "checkout", "-q", "-b", branch)
        for name in lost:
            (place.root / f"etc/conf.d/{name}.toml").unlink()
        place.run(*git, "-C", "etc", "add", "-A")
        place.run(*git, "-C", "etc", "commit", "-q", "-m", branch)
    place.run(*git, "-C", "etc", "checkout", "-q", "main")
    return place


@pytest.mark.parametrize("branch", ["fewer", "none"])
def test_git_checkout(repository, branch):
    """A branch without fragments is checked out and left again: nothing has changed."""
    watcher, seen = repository.begin()
    with the_limit_stays(watcher):
        repository.run("git", "-C", "etc", "checkout", "-q", branch)
        missed(watcher)
        repository.run("git", "-C", "etc", "checkout", "-q", "main")
        assert isinstance(seen.ending(), ReloadUnchanged)


def test_git_checkout_for_good(repository):
    """One drop-in fewer is applied with a warning, none at all is refused."""
    watcher, seen = repository.begin()
    repository.run("git", "-C", "etc", "checkout", "-q", "fewer")
    event = seen.ending()
    assert isinstance(event, ReloadSuccess)
    assert [warning.message for warning in event.warnings] == ["The file is gone, and with it server.port"]
    repository.run("git", "-C", "etc", "checkout", "-q", "none")
    event = seen.ending(2)
    assert isinstance(event, ReloadFailed)
    assert watcher.config.tags == ["other"]


def test_git_stash(repository):
    """A fragment that is not committed yet is stashed and popped."""
    repository.write("etc/conf.d", fresh='[server]\nhost = "new"\n')
    watcher, seen = repository.begin()
    with the_limit_stays(watcher):
        repository.run("git", "-C", "etc", "-c", "user.name=n", "-c", "user.email=e@example.org", "stash", "-q", "-u")
        missed(watcher)
        assert watcher.gone == (repository.root / "etc/conf.d/fresh.toml",)
        repository.run("git", "-C", "etc", "stash", "pop", "-q")
        assert isinstance(seen.ending(), ReloadUnchanged)
    assert watcher.config.server.host == "new"


@pytest.mark.parametrize("order", ["--delete-before", "--delete-after"])
def test_rsync(place, order):
    """A release that lacks the limit is followed by one that has it: only the second one counts."""
    need("rsync")
    place.write("etc/conf.d", limit=LIMIT, other=OTHER)
    (place.root / "etc/config.toml").write_text(MAIN)
    place.run("cp", "-r", "etc", "full")
    place.run("cp", "-r", "etc", "lacking")
    (place.root / "lacking/conf.d/limit.toml").unlink()
    (place.root / "full/conf.d/other.toml").write_text('tags = ["new"]\n')
    watcher, seen = place.begin()
    with the_limit_stays(watcher):
        place.run("rsync", "-r", "--ignore-times", order, "lacking/", "etc/")
        missed(watcher)
        place.run("rsync", "-r", "--ignore-times", order, "full/", "etc/")
        event = seen.ending()
        assert isinstance(event, ReloadSuccess)
        assert event.warnings == ()
    assert watcher.config.tags == ["new"]


def project(root: Path, number: int, **files: str) -> None:
    """As the kubelet does: a new directory, `..data` swapped to it, then the links of keys that are gone removed."""
    fresh = root / f"..{number}"
    fresh.mkdir(parents=True)
    for name, text in files.items():
        (fresh / f"{name}.toml").write_text(text)
    (root / "..data_tmp").symlink_to(fresh.name)
    (root / "..data_tmp").rename(root / "..data")
    for name in files:
        if not (root / f"{name}.toml").is_symlink():
            (root / f"{name}.toml").symlink_to(f"..data/{name}.toml")
    for link in root.glob("*.toml"):
        if link.stem not in files:
            link.unlink()


def test_config_map_with_a_key_fewer(place):
    """A key that disappears and comes back is waited for; one that stays away is a warning; losing the last one is
    refused.
    """
    directory = place.root / "etc/conf.d"
    project(directory, 1, limit=LIMIT, other=OTHER)
    (place.root / "etc/config.toml").write_text(MAIN)
    watcher, seen = place.begin()
    with the_limit_stays(watcher):
        project(directory, 2, other=OTHER)
        missed(watcher)
        project(directory, 3, limit=LIMIT, other=OTHER)
        assert isinstance(seen.ending(), ReloadUnchanged)
    project(directory, 4, limit=LIMIT)
    event = seen.ending(2)
    assert isinstance(event, ReloadSuccess)
    assert [warning.message for warning in event.warnings] == ["The file is gone, and with it tags"]
    project(directory, 5)
    assert isinstance(seen.ending(3), ReloadFailed)
    assert watcher.config.server.port == 9000


@pytest.mark.parametrize("observer", ["inotify", "watchdog", "poll"])
def test_a_directory_that_is_replaced(place, observer):
    """One with all files is a change like any other; one that lacks some is waited for, then a warning."""
    place.write("etc/conf.d", limit=LIMIT, other=OTHER)
    place.write("etc/conf.new", limit=LIMIT, other='tags = ["new"]\n')
    place.write("etc/conf.bad", other='tags = ["bad"]\n')
    (place.root / "etc/config.toml").write_text(MAIN)
    watcher, seen = place.begin(observer=observer, reconcile_s=0.1)
    with the_limit_stays(watcher):
        place.run("sh", "-ec", "mv etc/conf.d etc/conf.old; mv etc/conf.new etc/conf.d")
        event = seen.ending()
        assert isinstance(event, ReloadSuccess)
        assert event.warnings == ()
    place.run("sh", "-ec", "mv etc/conf.d etc/conf.old2; mv etc/conf.bad etc/conf.d")
    event = seen.ending(2)
    assert isinstance(event, ReloadSuccess)
    assert [warning.file.name for warning in event.warnings] == ["limit.toml"]


@pytest.mark.parametrize("observer", ["inotify", "watchdog", "poll"])
def test_a_directory_that_is_moved_away_and_back(place, observer):
    """Back within the ceiling, it was never gone."""
    place.write("etc/conf.d", limit=LIMIT)
    (place.root / "etc/config.toml").write_text(MAIN)
    watcher, seen = place.begin(observer=observer, reconcile_s=0.1)
    with the_limit_stays(watcher):
        place.run("mv", "etc/conf.d", "etc/conf.away")
        missed(watcher)
        place.run("mv", "etc/conf.away", "etc/conf.d")
        assert isinstance(seen.ending(), ReloadUnchanged)


def test_a_slow_redeploy(place):
    """Files are removed, and come back one by one, over more than one ceiling: nothing in between is published."""
    names = [f"part{number}" for number in range(5)]
    place.write("etc/conf.d", limit=LIMIT, **dict.fromkeys(names, ""), other=OTHER)
    place.write("etc/conf.d", **{name: f"# {name}\n" for name in names})
    (place.root / "etc/config.toml").write_text(MAIN)
    watcher, seen = place.begin(debounce_ms=100)
    place.run("cp", "-r", "etc/conf.d", "fresh")
    (place.root / "fresh/other.toml").write_text('tags = ["new"]\n')
    with the_limit_stays(watcher):
        copy = "for name in part0 part1 part2 other limit; do cp fresh/$name.toml etc/conf.d/; sleep 0.4; done"
        place.run("sh", "-ec", f"rm etc/conf.d/*; {copy}; cp fresh/*.toml etc/conf.d/")
        event = seen.ending()
        assert isinstance(event, ReloadSuccess)
        assert (event.generation, event.warnings) == (2, ())
    assert watcher.config.tags == ["new"]


# Mounts, in a namespace of their own

NAMESPACE = ("unshare", "--mount", "--propagation", "private")
CHILD = """
import json, subprocess, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from hotconf import HotReloadWatcher
from watcher.watched import App, Seen
root = Path(sys.argv[1])
volume, conf = root / VOLUME, root / CONF
def run(*command):
    subprocess.run(command, check=True)
def write(**files):
    for name, text in files.items():
        (conf / f"{name}.toml").write_text(text)
LIMIT, OTHER = "[server]\\nport = 9000\\n", "tags = ['other']\\n"
conf.mkdir(parents=True)
(root / "config.toml").write_text(f"[hot_reload]\\nwatch_paths = {[ENTRY]}\\n")
BELOW
def mount():
    run("mount", "-t", "tmpfs", "none", str(volume))
    conf.mkdir(exist_ok=True)
mount()
write(limit=LIMIT, other=OTHER)
watcher = HotReloadWatcher(root / "config.toml", App, debounce_ms=50, reconcile_s=0.1)
seen = Seen(watcher)
with watcher:
    run("umount", "--lazy", str(volume))
    seen.ending()
    mount()
    write(limit=LIMIT, other="tags = ['again']\\n")
    from waiting import wait_until
    wait_until(lambda: seen.lines[-1] == "ReloadSuccess 2")
    errors = [event.error for event in seen.endings[:-1]]
    print(json.dumps([errors, watcher.config.server.port, watcher.config.tags]))
"""


@pytest.fixture(scope="module")
def may_mount() -> None:
    """Skips where mounting is forbidden."""
    need("unshare")
    tried = subprocess.run([*NAMESPACE, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False)
    if tried.returncode:
        pytest.skip(f"no mount namespaces here: {tried.stderr.decode().strip()}")


VOLUMES = [
    *(("conf.d", "conf.d", entry) for entry in ("conf.d", "conf.d/*.toml", "**/*.toml")),
    *(("vol", "vol/conf.d", entry) for entry in ("vol/conf.d", "vol/*/*.toml")),
]
BELOW = ["pass", "write(other='')", "write(limit='', other='')"]
"""The mount: an empty directory, one file, files of the same names."""


@pytest.mark.parametrize(
    ("volume", "conf", "entry", "below"),
    [(*volume, below) for row, volume in enumerate(VOLUMES) for below in thinned(BELOW, 3, row)],
)
@pytest.mark.usefixtures("may_mount")
def test_unmounted(place, volume, conf, entry, below):
    """Whatever was below the mount, or below one further up: it is refused; mounted again, all is well."""
    script = CHILD.replace("ENTRY", repr(entry)).replace("BELOW", below)
    script = script.replace("VOLUME", repr(volume)).replace("CONF", repr(conf))
    command = [*NAMESPACE, sys.executable, "-c", script, str(place.root), str(Path(__file__).parents[1])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    errors, *last = json.loads(done.stdout)
    assert all("is on another device than before, without limit.toml" in error for error in errors), errors
    assert last == [9000, ["again"]]


LINKED = """
import json, subprocess, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from hotconf import HotReloadWatcher
from watcher.watched import App, Seen
root = Path(sys.argv[1])
volume, conf = root / "vol", root / "conf.d"
LIMIT = "[server]\\nport = 9000\\n"
def mount():
    subprocess.run(["mount", "-t", "tmpfs", "none", str(volume)], check=True)
    (volume / "data").mkdir()
    (volume / "data/limit.toml").write_text(LIMIT)
(volume / "data").mkdir(parents=True)
conf.mkdir()
BELOW
mount()
(conf / "limit.toml").symlink_to("../vol/data/limit.toml")
(conf / "other.toml").write_text("# nothing")
(root / "config.toml").write_text(f"[hot_reload]\\nwatch_paths = {[ENTRY]}\\n")
watcher = HotReloadWatcher(root / "config.toml", App, debounce_ms=50, reconcile_s=0.1)
seen = Seen(watcher)
with watcher:
    subprocess.run(["umount", "--lazy", str(volume)], check=True)
    lost = seen.ending()
    kept = watcher.config.server.port
    mount()
    watcher.reload()
    (root / "new.toml").write_text("[server]\\nport = 9100\\n")
    (root / "link").symlink_to("../new.toml")
    (root / "link").replace(conf / "limit.toml")
    from waiting import wait_until
    wait_until(lambda: watcher.config.server.port == 9100)
    print(json.dumps([type(lost).__name__, getattr(lost, "error", ""), kept]))
"""


@pytest.mark.parametrize("entry", some(["conf.d/*.toml", "conf.d"], 1))
@pytest.mark.parametrize(
    "below",
    ["pass", "(volume / 'data/limit.toml').write_text('# below')", "(volume / 'data').rmdir()"],
    ids=["nothing", "a file of the same name", "no directory"],
)
@pytest.mark.usefixtures("may_mount")
def test_links_into_a_volume_that_is_unmounted(place, entry, below):
    """Whatever the link leads to then, the entry is refused. A link that is replaced is an edit."""
    script = LINKED.replace("ENTRY", repr(entry)).replace("BELOW", below)
    command = [*NAMESPACE, sys.executable, "-c", script, str(place.root), str(Path(__file__).parents[1])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    name, error, kept = json.loads(done.stdout)
    assert (name, kept) == ("ReloadFailed", 9000)
    assert "is on another device than before, without limit.toml" in error
