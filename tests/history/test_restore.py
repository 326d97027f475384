"""Going back to an earlier state of the files: all of them or none, and nothing overwritten that was not seen."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import pytest

from hotconf import HotReloadWatcher
from hotconf.errors import UsageError
from hotconf.history import replacement
from hotconf.history.restore import Restoration, RestoreRefused, plan, restore
from hotconf.snapshot import Snapshot, SourceFile
from waiting import wait_until

OLD = b"port = 1\n"
NEW = b"port = 22\n"


def state(files: Mapping[Path, bytes], watched: tuple[Path, ...] = ()) -> Snapshot[object]:
    """A state with these files, the main one first."""
    sources = [SourceFile(path, "fragment" if n else "main", data) for n, (path, data) in enumerate(files.items())]
    sources += [SourceFile(path, "watched", b"") for path in watched]
    return Snapshot({}, 1, "", datetime.now(UTC), tuple(sources), MappingProxyType({}))


def back(target: Mapping[Path, bytes], current: Mapping[Path, bytes]) -> Restoration:
    """The plan that leads from `current` to `target`."""
    return plan(state(target), state(current))


def names(directory: Path) -> set[str]:
    """Everything that is in it."""
    return {entry.name for entry in directory.iterdir()}


@pytest.fixture
def main(tmp_path: Path) -> Path:
    """A file that holds the newer bytes."""
    path = tmp_path / "config.toml"
    path.write_bytes(NEW)
    return path


@pytest.fixture
def more(main: Path) -> Path:
    """A fragment beside it, with the newer bytes."""
    path = main.with_name("more.toml")
    path.write_bytes(NEW)
    return path


def failing(
    monkeypatch: pytest.MonkeyPatch, name: str, error: int, *, nth: int = 1, once: bool = False
) -> list[tuple[object, ...]]:
    """Let the system call `name` fail from its nth call on; the calls so far."""
    calls: list[tuple[object, ...]] = []
    real = getattr(os, name)

    def call(*args: object, **options: object) -> object:
        calls.append(args)
        if len(calls) == nth or (len(calls) > nth and not once):
            raise OSError(error, os.strerror(error))
        return real(*args, **options)

    monkeypatch.setattr(os, name, call)
    return calls


# Plans


def test_a_plan_names_what_differs_and_what_appeared():
    """Files that are the same are not written; fragments that came since are told."""
    a, b, c, d = map(Path, ("/a.toml", "/b.toml", "/c.toml", "/d.toml"))
    found = plan(state({a: OLD, b: OLD, c: OLD}), state({a: NEW, b: OLD, d: NEW}))
    assert found.writes == ((a, OLD), (c, OLD))
    assert found.appeared == (d,)


def test_files_that_are_only_watched_are_no_part_of_a_plan():
    """Their content was never read."""
    a, b = Path("/a.toml"), Path("/b.json")
    found = plan(state({a: OLD}), state({a: NEW}, watched=(b,)))
    assert (found.appeared, found.current) == ((), ((a, NEW),))


def test_a_plan_does_not_tell_secrets():
    """It holds whole files; its repr holds none."""
    assert "port" not in repr(back({Path("/a"): OLD}, {Path("/a"): NEW}))


# The ordinary way


def test_files_get_their_earlier_bytes(main, more):
    """All that differ, and only those; their names are returned."""
    same = main.with_name("same.toml")
    same.write_bytes(OLD)
    before = same.stat()
    done = restore(back({main: OLD, more: OLD, same: OLD}, {main: NEW, more: NEW, same: OLD}))
    assert done == (main, more)
    assert main.read_bytes() == more.read_bytes() == OLD
    assert same.stat().st_mtime_ns == before.st_mtime_ns
    assert names(main.parent) == {"config.toml", "more.toml", "same.toml"}


def test_a_reader_sees_the_old_file_or_the_new_one(main):
    """It is replaced: who has it open keeps what was there."""
    with main.open("rb") as file:
        restore(back({main: OLD}, {main: NEW}))
        assert file.read() == NEW


def test_everything_is_on_the_disk_before_the_first_file_is_replaced(main, more, monkeypatch):
    """A crash leaves no file with holes in it; the directory is synchronised after each."""
    calls: list[str] = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *args, name=name, real=real: (calls.append(name), real(*args))[1])
    restore(back({main: OLD, more: OLD}, {main: NEW, more: NEW}))
    assert calls == ["fsync", "fsync", "replace", "fsync", "replace", "fsync"]


def test_nothing_to_do_is_done_at_once(main):
    """The files hold what they should."""
    before = main.stat()
    assert restore(back({main: NEW}, {main: NEW})) == ()
    assert main.stat() == before


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o640, 0o444, 0o755, 0o4711])
def test_the_mode_is_kept(main, mode):
    """Whatever the process's umask says."""
    main.chmod(mode)
    restore(back({main: OLD}, {main: NEW}))
    assert stat.S_IMODE(main.stat().st_mode) == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_is_kept(main):
    """With the bits that a change of owner would clear."""
    os.chown(main, 12345, 23456)
    main.chmod(0o4750)
    restore(back({main: OLD}, {main: NEW}))
    found = main.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (12345, 23456, 0o4750)


def test_extended_attributes_are_kept(main):
    """Access control lists are such."""
    try:
        os.setxattr(main, "user.comment", b"mine")
    except OSError as error:
        pytest.skip(f"no extended attributes here: {error}")
    restore(back({main: OLD}, {main: NEW}))
    assert os.getxattr(main, "user.comment") == b"mine"


def test_attributes_that_cannot_be_kept_are_let_go(main, monkeypatch):
    """They are no reason not to go back."""
    failing(monkeypatch, "listxattr", errno.ENOTSUP)
    assert restore(back({main: OLD}, {main: NEW})) == (main,)


# Links


@pytest.mark.parametrize("chain", [1, 2, 5])
def test_links_stay_and_their_target_is_replaced(main, tmp_path_factory, chain):
    """However many lead to it, relative ones too, and in whatever directories they are."""
    other = tmp_path_factory.mktemp("store")
    link = main
    for n in range(chain):
        directory = other if n % 2 else main.parent
        new = directory / f"link{n}.toml"
        new.symlink_to(os.path.relpath(link, directory))
        link = new
    restore(back({link: OLD}, {link: NEW}))
    assert link.is_symlink()
    assert not main.is_symlink()
    assert main.read_bytes() == OLD
    assert not any(name.startswith(".") for name in names(other) | names(main.parent))


def test_hard_links_stay(main):
    """The file is written in place: its other name would keep the newer bytes otherwise."""
    twin = main.with_name("twin.toml")
    twin.hardlink_to(main)
    restore(back({main: OLD}, {main: NEW}))
    assert twin.read_bytes() == OLD
    assert main.samefile(twin)


def test_two_names_of_one_file(main):
    """Both are part of the configuration, through a link."""
    link = main.with_name("link.toml")
    link.symlink_to(main)
    assert restore(back({main: OLD, link: OLD}, {main: NEW, link: NEW})) == (main, link)
    assert main.read_bytes() == OLD
    assert link.is_symlink()


def test_a_link_that_changes_meanwhile_is_not_followed(main, more, monkeypatch):
    """Neither its old target nor its new one is written, although both hold the same bytes."""
    link = main.with_name("link.toml")
    link.symlink_to(main)

    def retarget() -> None:
        link.unlink()
        link.symlink_to(more)

    during_preparation(monkeypatch, retarget)
    with pytest.raises(RestoreRefused):
        restore(back({link: OLD}, {link: NEW}))
    assert main.read_bytes() == more.read_bytes() == NEW
    assert names(main.parent) == {"config.toml", "more.toml", "link.toml"}


# Missing files


def test_a_missing_file_is_made_anew(main):
    """Also one that the newer state still had: nothing is lost by it."""
    main.unlink()
    assert restore(back({main: OLD}, {main: NEW})) == (main,)
    assert main.read_bytes() == OLD
    main.unlink()
    assert restore(back({main: NEW}, {main: NEW})) == (main,)
    assert main.read_bytes() == NEW


def test_a_missing_fragment_gets_the_mode_of_the_main_file(main):
    """And its directories; it may hold secrets just as well."""
    main.chmod(0o640)
    fragment = main.parent / "conf.d" / "deep" / "more.toml"
    restore(back({main: OLD, fragment: OLD}, {main: NEW}))
    assert fragment.read_bytes() == OLD
    assert stat.S_IMODE(fragment.stat().st_mode) == 0o640


def test_without_a_main_file_a_missing_one_is_private(main):
    """Nothing else tells who may read it."""
    main.unlink()
    restore(back({main: OLD}, {main: NEW}))
    assert stat.S_IMODE(main.stat().st_mode) == 0o600


def test_what_a_dangling_link_leads_to_is_made_anew(main):
    """The link stays."""
    link = main.with_name("link.toml")
    link.symlink_to("config.toml")
    main.unlink()
    restore(back({link: OLD}, {link: NEW}))
    assert link.is_symlink()
    assert main.read_bytes() == OLD


def test_directories_that_were_made_in_vain_do_not_stay(main, monkeypatch):
    """None of them remains when the restoration fails."""
    fragment = main.parent / "conf.d" / "deep" / "more.toml"
    failing(monkeypatch, "write", errno.ENOSPC)
    with pytest.raises(OSError, match="No space"):
        restore(back({fragment: OLD}, {main: NEW}))
    assert names(main.parent) == {"config.toml"}


# Refused


def during_preparation(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Do `act` once the files have been looked at and written beside, and before any is replaced."""
    real = replacement.FileWrite.prepare

    def prepare(self: replacement.FileWrite) -> None:
        real(self)
        monkeypatch.undo()
        act()

    monkeypatch.setattr(replacement.FileWrite, "prepare", prepare)


def test_a_file_that_changed_since_is_not_overwritten(main, more):
    """And none of the others is written; the refusal names it, and is the caller's to handle."""
    more.write_bytes(b"port = 3\n")
    with pytest.raises(UsageError, match=r"more\.toml changed in the meantime; nothing was written") as refusal:
        restore(back({main: OLD, more: OLD}, {main: NEW, more: NEW}))
    assert refusal.value.paths == (more,)
    assert (main.read_bytes(), more.read_bytes()) == (NEW, b"port = 3\n")
    assert names(main.parent) == {"config.toml", "more.toml"}


def test_a_file_that_need_not_be_written_counts_as_well(main, more):
    """What would be loaded is not what the difference showed."""
    more.write_bytes(b"port = 3\n")
    with pytest.raises(RestoreRefused):
        restore(back({main: OLD, more: NEW}, {main: NEW, more: NEW}))
    assert main.read_bytes() == NEW


def test_a_file_that_the_newer_state_did_not_have_is_not_overwritten(main, more):
    """Unless it holds what it is to hold."""
    with pytest.raises(RestoreRefused):
        restore(back({main: OLD, more: OLD}, {main: NEW}))
    more.write_bytes(OLD)
    assert restore(back({main: OLD, more: OLD}, {main: NEW})) == (main,)


@pytest.mark.parametrize("grown", [NEW + b"more = 1\n", NEW[:-1], b""])
def test_longer_and_shorter_content_is_a_change(main, grown):
    """The look is bounded by the sizes that are expected; it is not fooled by that."""
    main.write_bytes(grown)
    with pytest.raises(RestoreRefused):
        restore(back({main: OLD}, {main: NEW}))
    assert main.read_bytes() == grown


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to(path)])
def test_what_is_no_file_is_refused_without_waiting(main, make):
    """A pipe, a directory, a loop of links."""
    main.unlink()
    make(main)
    with pytest.raises(RestoreRefused):
        restore(back({main: OLD}, {main: NEW}))
    assert names(main.parent) == {"config.toml"}


@pytest.mark.parametrize(
    "act",
    [
        lambda path: path.write_bytes(b"port = 3\n"),
        lambda path: path.write_bytes(b"port = 33\n"),  # as long as what was there
        lambda path: path.unlink(),
        lambda path: (path.unlink(), path.symlink_to("/etc/hostname")),
    ],
)
def test_a_change_between_the_look_and_the_writing_is_noticed(main, more, monkeypatch, act):
    """Late as it comes, nothing is written, and nothing stays behind."""
    during_preparation(monkeypatch, lambda: act(more))
    with pytest.raises(RestoreRefused) as refusal:
        restore(back({main: OLD, more: OLD}, {main: NEW, more: NEW}))
    assert refusal.value.paths == (more,)
    assert main.read_bytes() == NEW
    assert names(main.parent) - {"more.toml"} == {"config.toml"}


def test_names_in_a_refusal_are_printable(tmp_path):
    """They come from a directory that anybody may fill."""
    odd = tmp_path / "a\x1b[31m.toml"
    odd.write_bytes(b"x")
    with pytest.raises(RestoreRefused) as refusal:
        restore(back({odd: OLD}, {odd: NEW}))
    assert str(refusal.value).isprintable()


# Fragments that appeared


def test_fragments_that_appeared_stay(main, more):
    """Unless their removal was asked for."""
    assert restore(back({main: OLD}, {main: NEW, more: NEW})) == (main,)
    assert more.read_bytes() == NEW


def test_fragments_that_appeared_can_be_removed(main, more):
    """After the files have been written, and nothing of them stays."""
    assert restore(back({main: OLD}, {main: NEW, more: NEW}), remove_appeared=True) == (main, more)
    assert names(main.parent) == {"config.toml"}


def test_of_a_link_that_appeared_only_the_link_is_removed(main, more):
    """Its target belongs to somebody else."""
    link = main.with_name("link.toml")
    link.symlink_to("more.toml")
    restore(back({main: OLD}, {main: NEW, link: NEW}), remove_appeared=True)
    assert names(main.parent) == {"config.toml", "more.toml"}


def test_fragments_that_are_gone_already_need_no_removal(main, more):
    """Somebody was faster."""
    more.unlink()
    assert restore(back({main: OLD}, {main: NEW, more: NEW}), remove_appeared=True) == (main,)


def test_a_fragment_that_changed_since_it_appeared_is_not_removed(main, more):
    """Somebody works on it."""
    more.write_bytes(OLD)
    with pytest.raises(RestoreRefused):
        restore(back({main: OLD}, {main: NEW, more: NEW}), remove_appeared=True)
    assert (main.read_bytes(), more.read_bytes()) == (NEW, OLD)


def test_a_removal_that_fails_undoes_the_writes(main, more, monkeypatch):
    """All or nothing."""
    failing(monkeypatch, "rename", errno.EPERM)
    with pytest.raises(PermissionError):
        restore(back({main: OLD}, {main: NEW, more: NEW}), remove_appeared=True)
    assert main.read_bytes() == more.read_bytes() == NEW
    assert names(main.parent) == {"config.toml", "more.toml"}


# Failures


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("call", ["write", "fsync", "fchmod", "open"])
def test_a_failure_before_the_first_replacement_changes_nothing(main, more, monkeypatch, call, nth):
    """A full disk, say; whichever file it meets, and no temporary file stays."""
    target = back({main: OLD, more: OLD}, {main: NEW, more: NEW})
    if call == "open":
        # The looks at the files open them as well.
        failing(monkeypatch, call, errno.ENOSPC, nth=nth + 2)
    else:
        failing(monkeypatch, call, errno.ENOSPC, nth=nth)
    with pytest.raises(OSError, match="No space"):
        restore(target)
    monkeypatch.undo()
    assert main.read_bytes() == more.read_bytes() == NEW
    assert names(main.parent) == {"config.toml", "more.toml"}


def test_a_write_may_be_taken_in_pieces(main, monkeypatch):
    """As the system is free to do."""
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:2]))
    restore(back({main: OLD}, {main: NEW}))
    assert main.read_bytes() == OLD


def test_a_replacement_that_fails_undoes_those_before_it(main, more, monkeypatch):
    """An immutable file, say: its neighbour gets back what it had, with its mode."""
    gone = main.with_name("gone.toml")
    main.chmod(0o640)
    failing(monkeypatch, "replace", errno.EPERM, nth=3, once=True)
    with pytest.raises(PermissionError):
        restore(back({main: OLD, gone: OLD, more: OLD}, {main: NEW, more: NEW}))
    assert main.read_bytes() == more.read_bytes() == NEW
    assert stat.S_IMODE(main.stat().st_mode) == 0o640
    assert names(main.parent) == {"config.toml", "more.toml"}


def test_what_cannot_be_undone_is_told(main, more, monkeypatch):
    """On the error that caused it, with the name of the file."""
    failing(monkeypatch, "replace", errno.EPERM, nth=2)
    with pytest.raises(PermissionError) as failure:
        restore(back({main: OLD, more: OLD}, {main: NEW, more: NEW}))
    assert failure.value.__notes__ == [f"{main} could not be restored: Operation not permitted"]
    assert names(main.parent) == {"config.toml", "more.toml"}


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_an_interruption_leaves_nothing_behind(main, more, monkeypatch, interruption):
    """Whenever it comes."""
    real, calls = os.replace, []

    def replace(*args: str) -> None:
        calls.append(args)
        if len(calls) == 2:
            raise interruption
        real(*args)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(interruption):
        restore(back({main: OLD, more: OLD}, {main: NEW, more: NEW}))
    assert main.read_bytes() == more.read_bytes() == NEW
    assert names(main.parent) == {"config.toml", "more.toml"}


# In place


@pytest.mark.parametrize("error", [errno.EBUSY, errno.EXDEV])
def test_a_file_that_cannot_be_renamed_over_is_written_in_place(main, monkeypatch, error):
    """Longer and shorter content, the inode is the same, nothing stays beside it."""
    failing(monkeypatch, "replace", error)
    before = main.stat().st_ino
    for target, current in ((OLD, NEW), (NEW, OLD)):
        assert restore(back({main: target}, {main: current})) == (main,)
        assert main.read_bytes() == target
    assert main.stat().st_ino == before
    assert names(main.parent) == {"config.toml"}


@pytest.mark.parametrize("error", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_where_the_directory_takes_no_files_it_is_written_in_place(main, monkeypatch, error):
    """A writable file in a directory that is not: a container's, for one."""
    refuse_new_files(monkeypatch, error)
    before = main.stat().st_ino
    assert restore(back({main: OLD}, {main: NEW})) == (main,)
    assert (main.read_bytes(), main.stat().st_ino) == (OLD, before)


def refuse_new_files(monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    """Let no file be created."""
    real = os.open

    def open_(path: str, flags: int, *args: int) -> int:
        if flags & os.O_CREAT:
            raise OSError(error, os.strerror(error))
        return real(path, flags, *args)

    monkeypatch.setattr(os, "open", open_)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_where_the_owner_cannot_be_kept_it_is_written_in_place(main, monkeypatch):
    """Somebody else's file, to which we may write."""
    os.chown(main, 12345, 12345)
    failing(monkeypatch, "fchown", errno.EPERM)
    before = main.stat().st_ino
    restore(back({main: OLD}, {main: NEW}))
    assert (main.read_bytes(), main.stat().st_ino, main.stat().st_uid) == (OLD, before, 12345)
    assert names(main.parent) == {"config.toml"}


def test_what_is_neither_replaceable_nor_writable_stays(main, monkeypatch):
    """With the error that tells why."""
    refuse_new_files(monkeypatch, errno.EACCES)
    monkeypatch.setattr(os, "access", lambda *args: False)
    with pytest.raises(PermissionError):
        restore(back({main: OLD}, {main: NEW}))
    assert main.read_bytes() == NEW


def test_a_write_in_place_that_fails_is_undone(main, more, monkeypatch):
    """The disk may be full half-way; the file before it gets back what it had, too."""
    more.with_name("twin").hardlink_to(more)
    long = b"# long\n" * 100
    failing(monkeypatch, "ftruncate", errno.ENOSPC, once=True)
    with pytest.raises(OSError, match="No space"):
        restore(back({main: OLD, more: long}, {main: NEW, more: NEW}))
    assert main.read_bytes() == more.read_bytes() == NEW
    assert names(main.parent) == {"config.toml", "more.toml", "twin"}


@pytest.fixture
def mounted(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """A file and the source that is mounted over it."""
    source = tmp_path_factory.mktemp("source") / "config.toml"
    source.write_bytes(NEW)
    path = tmp_path / "config.toml"
    path.touch()
    try:
        subprocess.run(["mount", "--bind", source, path], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"cannot mount here: {error}")
    yield path, source
    subprocess.run(["umount", path], check=True)


def test_a_bind_mounted_file_is_written_in_place(mounted):
    """As containers have it: the source is what changes, and the mount stays."""
    path, source = mounted
    assert restore(back({path: OLD}, {path: NEW})) == (path,)
    assert source.read_bytes() == path.read_bytes() == OLD
    assert path.samefile(source)
    assert names(path.parent) == {"config.toml"}


# Through the watcher


def test_the_watcher_reloads_what_was_restored(main, more):
    """By the ordinary path, as one change: a new generation with the earlier values."""
    main.write_text("a = 1\n")
    more.write_text("b = 1\n")
    with HotReloadWatcher(main, dict[str, int], watch_paths=["*.toml"], debounce_ms=100) as watcher:
        first = watcher.snapshot
        main.write_text("a = 2\n")
        more.write_text("b = 2\n")
        added = main.with_name("z.toml")
        added.write_text("c = 2\n")
        wait_until(lambda: watcher.config == {"a": 2, "b": 2, "c": 2})
        generation = watcher.generation
        restore(plan(first, watcher.snapshot), remove_appeared=True)
        wait_until(lambda: watcher.config == {"a": 1, "b": 1})
        assert watcher.generation == generation + 1
        assert watcher.snapshot.digest == first.digest
