"""A directory that appears below a pattern: its first file is noticed at once, not found by polling."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from waiting import wait_until

if sys.platform != "linux":
    pytest.skip("only inotify tells of all of it", allow_module_level=True)

NEVER_S = 86_400.0


def loaded(watcher: Any) -> set[str]:
    """The names of the fragments that are published."""
    return {file.path.name for file in watcher.snapshot.files[1:]}


def begin(watch: Any, path: Path, *patterns: str) -> Any:
    """A watcher that never polls."""
    watcher, _ = watch(path, dict[str, Any], watch_paths=patterns, reconcile_s=NEVER_S)
    return watcher


@pytest.mark.parametrize("deep", ["new", "new/and/deeper/still"])
def test_a_new_directory(path, watch, calm, deep):
    """Made empty, and given a file when all is quiet again."""
    watcher = begin(watch, path, "rules/**/*.toml")
    (path.parent / "rules").mkdir()
    calm()
    (path.parent / "rules" / deep).mkdir(parents=True)
    calm()
    (path.parent / "rules" / deep / "a.toml").write_text("a = 1\n")
    wait_until(lambda: loaded(watcher) == {"a.toml"})


def test_a_base_that_appears_bit_by_bit(path, watch, calm):
    """The pattern begins with directories none of which is there."""
    watcher = begin(watch, path, "etc/later/rules/*/*.toml")
    directory = path.parent
    for name in ("etc", "later", "rules", "one"):
        directory /= name
        directory.mkdir()
        calm()
    (directory / "a.toml").write_text("a = 1\n")
    wait_until(lambda: loaded(watcher) == {"a.toml"})


def test_a_tree_that_is_moved_in(path, watch, calm):
    """With files in it; and one more in its depth later."""
    watcher = begin(watch, path, "rules/**/*.toml")
    tree = path.parent / "tree"
    (tree / "x" / "y").mkdir(parents=True)
    (tree / "x" / "a.toml").write_text("a = 1\n")
    (path.parent / "rules").mkdir()
    tree.rename(path.parent / "rules" / "tree")
    wait_until(lambda: loaded(watcher) == {"a.toml"})
    calm()
    (path.parent / "rules" / "tree" / "x" / "y" / "b.toml").write_text("b = 1\n")
    wait_until(lambda: loaded(watcher) == {"a.toml", "b.toml"})


def test_a_link_to_a_directory(path, watch, calm):
    """Where a wildcard leads through it; its target may come later, or become another one."""
    watcher = begin(watch, path, "rules/*/*.toml")
    (path.parent / "rules").mkdir()
    (path.parent / "rules" / "link").symlink_to("../target")
    calm()
    (path.parent / "target").mkdir()
    calm()
    (path.parent / "target" / "a.toml").write_text("a = 1\n")
    wait_until(lambda: loaded(watcher) == {"a.toml"})
    shutil.copytree(path.parent / "target", path.parent / "new")
    (path.parent / "new" / "b.toml").write_text("b = 1\n")
    (path.parent / "rules" / "new").symlink_to("../new")
    (path.parent / "rules" / "new").rename(path.parent / "rules" / "link")
    wait_until(lambda: loaded(watcher) == {"a.toml", "b.toml"})


@pytest.mark.parametrize("pattern", ["rules/*.toml", "rules/*"])
def test_a_link_whose_target_turns_into_a_file(path, watch, calm, pattern):
    """A directory is no fragment; nothing happens in the directory that the pattern names when it becomes one."""
    watcher = begin(watch, path, pattern)
    (path.parent / "rules").mkdir()
    (path.parent / "target").mkdir()
    (path.parent / "rules" / "a.toml").symlink_to("../target")
    calm()
    (path.parent / "target").rmdir()
    (path.parent / "target").write_text("a = 1\n")
    wait_until(lambda: loaded(watcher) == {"a.toml"})


def test_a_file_in_the_place_of_the_base(path, watch, calm):
    """It gives way to a directory."""
    (path.parent / "rules").write_text("")
    watcher = begin(watch, path, "rules/*.toml")
    calm()
    (path.parent / "rules").unlink()
    (path.parent / "rules").mkdir()
    calm()
    (path.parent / "rules" / "a.toml").write_text("a = 1\n")
    wait_until(lambda: loaded(watcher) == {"a.toml"})


def test_a_circle_of_links_is_no_reason_to_hear_nothing_else(path, watch, calm):
    """It leads to no directory, like a link to nothing."""
    watcher = begin(watch, path, "rules/*/*.toml", "circle/*.toml")
    (path.parent / "circle").symlink_to("circle")
    (path.parent / "rules" / "one").mkdir(parents=True)
    (path.parent / "rules" / "loop").symlink_to("loop")
    calm()
    (path.parent / "rules" / "one" / "a.toml").write_text("a = 1\n")
    wait_until(lambda: loaded(watcher) == {"a.toml"})
