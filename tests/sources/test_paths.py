"""Paths: which names lead to a file, and which files `watch_paths` stands for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hotconf.sources.files import glob, paths
from hotconf.sources.files.paths import Member, Place, absolute, expand, links, places


@pytest.fixture
def root(tmp_path):
    """A directory without links on its way."""
    return Path(os.path.realpath(tmp_path))


def steps(path: Path, root: Path) -> list[str]:
    """The places on the way to `path`, relative to `root`."""
    return [os.path.relpath(Path(place.directory, place.name), root) for place in places(path)]


def names(root: Path, *patterns: str) -> list[str]:
    """What `patterns` stand for beside `root/config.toml`, relative to `root`, with a mark for watched files."""
    members = expand(root / "config.toml", patterns).members
    assert members[0] == Member(root / "config.toml", "main")
    return [
        os.path.relpath(member.path, root) + ("" if member.role == "fragment" else f" ({member.role})")
        for member in members[1:]
    ]


def touch(root: Path, *files: str) -> None:
    """Make empty files."""
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


# absolute


def test_a_relative_path_is_below_its_base_or_the_working_directory(root, monkeypatch):
    """`watch_paths` are relative to the main file, the main file to the working directory."""
    monkeypatch.chdir(root)
    assert absolute("a.toml") == root / "a.toml"
    assert absolute("x/../a.toml", "/base") == Path("/base/a.toml")
    assert absolute("/b/./a.toml", "/base") == Path("/b/a.toml")


def test_the_home_directory_is_expanded(monkeypatch):
    """`~/x` means the home directory, wherever it stands."""
    monkeypatch.setenv("HOME", "/home/someone")
    assert absolute("~/.code/config.toml", "/base") == Path("/home/someone/.code/config.toml")


def test_links_are_kept(root):
    """A path stays as it was configured: its target may change."""
    (root / "v1").mkdir()
    (root / "current").symlink_to("v1")
    assert absolute("config.toml", root / "current") == root / "current/config.toml"


def test_the_parent_of_a_link_is_the_parent_of_its_target(root):
    """`link/..` is not the directory of the link."""
    touch(root, "far/inner/x", "far/a.toml", "a.toml")
    (root / "link").symlink_to("far/inner")
    assert absolute("link/../a.toml", root).samefile(root / "far/a.toml")


def test_an_absolute_path_needs_no_working_directory(root, monkeypatch):
    """A process whose working directory was removed goes on watching."""
    gone = root / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    touch(root, "conf.d/a.toml")
    assert absolute("a.toml", root) == root / "a.toml"
    assert names(root, "conf.d") == ["conf.d/a.toml"]


# places and links


def test_a_plain_file_is_its_own_only_place(root):
    """Real directories on the way decide nothing by themselves."""
    touch(root, "a/b/config.toml")
    assert list(places(root / "a/b/config.toml")) == [Place(os.fspath(root / "a/b"), "config.toml")]


def test_each_link_of_a_chain_is_a_place(root):
    """Relative and absolute links, links to files and to directories, in the order of the walk."""
    touch(root, "data/v1/real.toml")
    (root / "data/current").symlink_to("v1")
    (root / "data/v1/middle.toml").symlink_to("../v1/real.toml")
    (root / "etc").mkdir()
    (root / "etc/config.toml").symlink_to(root / "data/current/middle.toml")
    path = root / "etc/config.toml"
    assert steps(path, root) == ["etc/config.toml", "data/current", "data/v1/middle.toml", "data/v1/real.toml"]
    assert [target for _, target in links(path)] == [
        os.fspath(root / "data/current/middle.toml"),
        "v1",
        "../v1/real.toml",
    ]


def test_the_layout_of_a_config_map(root):
    """What Kubernetes swaps is `..data`: a link on the way, in the directory of the file."""
    touch(root, "..2024_01/config.toml")
    (root / "..data").symlink_to("..2024_01")
    (root / "config.toml").symlink_to("..data/config.toml")
    assert steps(root / "config.toml", root) == ["config.toml", "..data", "..2024_01/config.toml"]


def test_the_way_ends_at_the_first_name_that_does_not_exist(root):
    """Its appearance is what must be noticed, be it a file, a directory or the target of a link."""
    (root / "link").symlink_to("missing/config.toml")
    assert steps(root / "config.toml", root) == ["config.toml"]
    assert list(places(root / "no/such/config.toml")) == [Place(os.fspath(root), "no", lacking=True)]
    assert steps(root / "link", root) == ["link", "missing"]


def test_a_file_in_the_place_of_a_directory_ends_the_way(root):
    """The walk goes no further than the kernel would, and does not fail."""
    touch(root, "file")
    assert steps(root / "file/config.toml", root) == ["file/config.toml"]


@pytest.mark.parametrize("target", ["loop", "other", "./loop/x"])
def test_a_loop_of_links_ends(root, target):
    """As many links are followed as the kernel follows, and no more."""
    (root / "loop").symlink_to(target)
    (root / "other").symlink_to("loop")
    assert 1 <= len(list(places(root / "loop/config.toml"))) <= paths.MAX_LINKS + 1


def test_forty_links_are_followed_and_no_more(root):
    """The walk finds a file exactly where the kernel does."""
    touch(root, "l0")
    for number in range(1, 42):
        (root / f"l{number}").symlink_to(f"l{number - 1}")
    assert steps(root / "l40", root)[-1] == "l0"
    assert (root / "l40").exists()
    assert "l0" not in steps(root / "l41", root)
    with pytest.raises(OSError, match="symbolic links"):
        (root / "l41").stat()


def test_dots_are_followed_as_the_kernel_does(root):
    """`..` after a link is the parent of where the link leads."""
    touch(root, "far/inner/x", "far/a.toml")
    (root / "link").symlink_to("far/inner")
    assert steps(Path(f"{root}/./link//../a.toml"), root) == ["link", "far/a.toml"]


@pytest.mark.parametrize("when", range(1, 5))
def test_a_directory_that_goes_while_it_is_looked_at_is_a_place(root, monkeypatch, when):
    """At whichever look: there is always a last place, below which nothing is known."""
    touch(root, "a/b/config.toml")
    real, looks = os.readlink, []

    def look(path):
        if os.fspath(path).startswith(os.fspath(root / "a")):
            looks.append(path)
            if len(looks) == when:
                (root / "a").rename(root / "gone")
        return real(path)

    monkeypatch.setattr(os, "readlink", look)
    assert list(places(root / "a" / "b" / "config.toml"))


def test_a_place_is_told_before_it_is_followed(root):
    """Who watches a link when it is told, and then goes on, follows what the link says from then on."""
    touch(root, "v1/config.toml", "v2/config.toml")
    (root / "current").symlink_to("v1")
    walk = places(root / "current/config.toml")
    assert next(walk) == Place(os.fspath(root), "current")
    (root / "current").unlink()
    (root / "current").symlink_to("v2")
    assert list(walk) == [Place(os.fspath(root / "v2"), "config.toml")]


@pytest.mark.parametrize("name", [b"\xff.toml", b"new\nline.toml", b" ", b"-x", "naïve ☃.toml".encode()])
def test_any_name_that_the_file_system_allows(root, name):
    """Names that are not UTF-8, and control characters, are names like others."""
    path = root / os.fsdecode(name)
    path.touch()
    link = root / os.fsdecode(b"l\xfe" + name)
    link.symlink_to(path)
    assert list(places(link)) == [Place(os.fspath(root), link.name), Place(os.fspath(root), path.name)]
    assert links(link) == ((os.fspath(link), os.fspath(path)),)


# expand


def test_fragments_come_in_the_order_listed(root):
    """The order of `watch_paths` is the order of merging, files that do not exist included."""
    touch(root, "b.toml", "a.toml")
    assert names(root, "b.toml", "missing.toml", "a.toml") == ["b.toml", "missing.toml", "a.toml"]


def test_other_files_are_watched_only(root):
    """What does not end in `.toml` is no configuration."""
    touch(root, "ca.pem", ".toml")
    assert names(root, "ca.pem", ".toml") == ["ca.pem (watched)", ".toml (watched)"]


def test_a_directory_means_its_toml_files_by_name(root):
    """Sorted; no others, no hidden ones, no directories, nothing further down."""
    touch(root, "d/b.toml", "d/a.toml", "d/.c.toml", "d/note.txt", "d/e.toml~", "d/sub/x.toml", "d/dir.toml/x")
    expansion = expand(root / "config.toml", ["d"])
    assert names(root, "d") == ["d/a.toml", "d/b.toml"]
    assert expansion.folders == (os.fspath(root / "d"),)


def test_a_link_to_a_directory_is_a_directory(root):
    """And its files are named by the link."""
    touch(root, "real/a.toml")
    (root / "link").symlink_to("real")
    assert names(root, "link", "link/*.toml") == ["link/a.toml"]


def test_a_glob_means_its_matches_by_name(root):
    """As in a shell: `*` finds no hidden files and no directories; `.toml` or not decides on the role."""
    touch(root, "d/b.toml", "d/a.toml", "d/.h.toml", "d/c.pem", "d/x.toml/y")
    assert names(root, "d/*") == ["d/a.toml", "d/b.toml", "d/c.pem (watched)"]
    assert names(root, "d/[b-z].toml") == ["d/b.toml"]
    assert names(root, "d/.*.toml") == ["d/.h.toml"]
    assert names(root, "?/a.toml") == ["d/a.toml"]
    assert names(root, "d/*.none") == []
    assert names(root, os.fspath(root / "d/a*")) == ["d/a.toml"]


def test_two_stars_mean_any_depth(root):
    """`**` stands for no, one or many directories; hidden ones are passed over."""
    touch(root, "d/a.toml", "d/s/b.toml", "d/s/t/c.toml", "d/.git/x.toml")
    assert names(root, "d/**/*.toml") == ["d/a.toml", "d/s/b.toml", "d/s/t/c.toml"]
    assert names(root, "d/**") == ["d/a.toml", "d/s/b.toml", "d/s/t/c.toml"]
    assert names(root, "**/t/*.toml") == ["d/s/t/c.toml"]


def test_two_stars_follow_no_links(root):
    """Links that lead back up would make the search endless: with two of them, 2 ** 40 directories."""
    touch(root, "d/s/a.toml")
    (root / "d/s/up").symlink_to("..")
    (root / "d/s/also").symlink_to(root)
    assert names(root, "d/**/*.toml") == ["d/s/a.toml"]


def test_every_directory_in_which_a_match_could_appear_is_told(root):
    """Those that do not match anything yet, and the one that does not exist yet, included; never a file."""
    touch(root, "d/s/a.toml", "d/t/note", "d/file")
    folders = expand(root / "config.toml", ["d/*/x.toml", "later/*.toml"]).folders
    assert {os.path.relpath(folder, root) for folder in folders} == {"d", "d/s", "d/t", "later"}


def test_brackets_in_the_directory_of_the_main_file_are_no_pattern(root):
    """Only what `watch_paths` says is a pattern."""
    base = root / "[work] *"
    touch(base, "d/a.toml")
    assert names(base, "d/*.toml", "missing.toml") == ["d/a.toml", "missing.toml"]


def test_a_file_whose_name_looks_like_a_pattern(root):
    """What exists under that very name is meant."""
    touch(root, "a[1].toml", "a1.toml")
    assert names(root, "a[1].toml") == ["a[1].toml"]


def test_a_file_that_is_named_twice_counts_where_it_is_last(root):
    """Its place in the merging order is the last one, and it is read once."""
    touch(root, "a.toml", "b.toml")
    assert names(root, "a.toml", "b.toml", "./a.toml", "*.toml") == ["a.toml", "b.toml"]
    assert names(root, "a.toml", "b.toml", "x/../a.toml") == ["b.toml", "a.toml"]


def test_listing_the_main_file_again_is_harmless(root):
    """By its name, by a glob, by its directory."""
    touch(root, "config.toml", "a.toml")
    for pattern in ("config.toml", "./config.toml", "*.toml", ".", "", os.fspath(root / "config.toml")):
        assert names(root, pattern) in ([], ["a.toml"])


def test_a_missing_directory_is_something_to_wait_for(root):
    """It may become a directory of fragments: it is watched."""
    assert names(root, "conf.d") == ["conf.d (watched)"]


def test_dangling_links_are_members(root):
    """Their targets may appear."""
    (root / "d").mkdir()
    (root / "d/a.toml").symlink_to("nowhere")
    assert names(root, "d") == ["d/a.toml"]
    assert names(root, "d/*.toml") == ["d/a.toml"]


def test_names_that_are_not_utf8(root):
    """They are found, and can be opened."""
    touch(root, "d/" + os.fsdecode(b"\xff\n.toml"))
    (member,) = expand(root / "config.toml", ["d"]).members[1:]
    assert member.path.read_bytes() == b""


@pytest.mark.parametrize("pattern", ["d", "d/*.toml", "d/**"])
def test_a_directory_that_cannot_be_listed_is_not_an_empty_one(root, monkeypatch, pattern):
    """Its fragments would silently be missing from the configuration: it is a problem."""
    touch(root, "d/a.toml")

    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", refuse)
    expansion = expand(root / "config.toml", [pattern])
    (problem,) = expansion.problems
    assert (problem.kind, problem.severity, problem.file) == ("unreadable", "error", root / "d")
    assert expansion.folders == (os.fspath(root / "d"),)


def test_a_pattern_that_can_be_no_path(root):
    """TOML can spell a NUL, no file name can: told, and the rest goes on."""
    touch(root, "a.toml")
    expansion = expand(root / "config.toml", ["b\0.toml", "a.toml"])
    assert [member.path.name for member in expansion.members] == ["config.toml", "a.toml"]
    (problem,) = expansion.problems
    assert problem.message == 'watch_paths: "b\\x00.toml" is not a path'


def test_a_link_that_leads_in_circles_is_passed_over(root):
    """It is not a directory, and no reason not to know what else there is."""
    touch(root, "d/e/a.toml")
    (root / "d/e/self").symlink_to("self")
    found = expand(root / "config.toml", ["d/**/*.toml"])
    assert [member.path.name for member in found.members[1:]] == ["a.toml"]
    assert found.problems == ()


def test_a_tree_that_is_too_big_is_told(root, monkeypatch):
    """Each directory is watched and looked at again: not the whole disk."""
    monkeypatch.setattr(glob, "MAX_FOLDERS", 3)
    touch(root, *(f"d/{n}/a.toml" for n in range(5)))
    found = expand(root / "config.toml", ["d/**/*.toml"])
    (problem,) = found.problems
    assert problem.message == "watch_paths: more than 3 directories to look through"
    assert (problem.kind, problem.severity) == ("schema", "error")
    assert len(found.folders) <= 4


def test_a_url_is_no_path(root):
    """Without what is secret in it."""
    (problem,) = expand(root / "config.toml", ["https://me:hunter2@host/x.toml"]).problems
    assert "is a URL" in problem.message
    assert "hunter2" not in problem.message
