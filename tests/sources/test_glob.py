"""What patterns match: the result of a naive search, at a cost linear in the tree."""

from __future__ import annotations

import fnmatch
import glob
import os
import random
import subprocess
from pathlib import Path

import pytest

from hotconf.sources.files import glob as module
from hotconf.sources.files.glob import MAX_STEPS, LimitError, Search
from hotconf.sources.files.paths import expand

NAMES = ("a", "b", "ab", "a.toml", "b.toml", ".h", ".h.toml", "[x]", "x.toml")
PARTS = ("**", "**", "*", "*.toml", "a", "b", "a*", "?", "[ab]", "[!a]*", "*b*", ".*", "..", "x.toml", "[[]x]", "**b")


def naive(base: str, parts: tuple[str, ...]) -> set[str]:
    """The expected matches, by a search that walks every way again."""
    if not parts:
        return {base} if not os.path.isdir(base) else set()
    first, rest = parts[0], parts[1:]
    names = os.listdir(base) if os.path.isdir(base) else []
    if first == "**":
        found = naive(base, rest or ("*",))
        steps = [os.path.join(base, name) for name in names if not name.startswith(".")]
        return found.union(*(naive(s, parts) for s in steps if os.path.isdir(s) and not os.path.islink(s)))
    if not module.is_glob(first):
        step = os.path.join(base, first)
        return naive(step, rest) if os.path.lexists(step) else set()
    chosen = [n for n in fnmatch.filter(names, first) if first.startswith(".") or not n.startswith(".")]
    return set().union(*(naive(os.path.join(base, name), rest) for name in chosen))


def grow(root: Path, dice: random.Random, *, links: bool) -> None:
    """A small random tree."""
    directories = [root]
    for _ in range(dice.randint(3, 14)):
        path = dice.choice(directories) / dice.choice(NAMES)
        kind = dice.choice("ddf" + "l" * links)
        if os.path.lexists(path):
            continue
        if kind == "d":
            path.mkdir()
            directories.append(path)
        elif kind == "f":
            path.touch()
        else:
            path.symlink_to(os.path.relpath(dice.choice([*directories, root / "a.toml", root / "none"]), path.parent))


def drawn(dice: random.Random) -> tuple[str, ...]:
    """A random pattern."""
    parts = [dice.choice(PARTS) for _ in range(dice.randint(1, 5))]
    if ".." in parts:  # only one: other tests write further up
        parts = [part for part in parts if part != ".."] + [".."]
    return (*parts, dice.choice(("*", "**", "*.toml", "a.toml", "?")))


@pytest.mark.parametrize("seed", range(150))
def test_the_matches_are_those_of_a_naive_search(tmp_path, seed):
    """For random patterns in random trees with symlinks, including loops."""
    dice, root = random.Random(seed), tmp_path / "tree"
    root.mkdir()
    grow(root, dice, links=True)
    for _ in range(10):
        parts = drawn(dice)
        assert set(Search().matches(os.fspath(root), parts)) == naive(os.fspath(root), parts), parts


@pytest.mark.parametrize("seed", range(50))
def test_the_matches_are_those_of_the_standard_library(tmp_path, seed):
    """Where there are no links: `glob` follows them below `**`."""
    dice = random.Random(seed)
    grow(tmp_path, dice, links=False)
    for _ in range(10):
        parts = tuple(part for part in drawn(dice) if part != "..")
        found = glob.glob(os.path.join(glob.escape(os.fspath(tmp_path)), *parts), recursive=True)
        files = {path for path in found if os.path.isfile(path)}
        assert set(Search().matches(os.fspath(tmp_path), parts)) == files, parts


def nested(root: Path, depth: int) -> None:
    """So many directories, one in the other, each with a file."""
    for _ in range(depth):
        root = root / "d"
        root.mkdir(parents=True)
        (root / "a.toml").touch()


def spent(root: Path, *patterns: str) -> int:
    """How many steps a search takes."""
    found = Search()
    for pattern in patterns:
        found.matches(os.fspath(root), tuple(pattern.split("/")))
    return MAX_STEPS - found._left


@pytest.mark.parametrize("unit", ["**", "**/d", "**/*", "d/**/**", "**/?/**", "*/**", "**/[d]/**"])
@pytest.mark.parametrize("end", ["*.toml", "none", "**"])
def test_more_stars_cost_in_proportion(tmp_path, unit, end):
    """Twice as deep a tree costs twice as much, and twice as many stars do: never the product of all ways."""
    nested(tmp_path / "n", 20)
    nested(tmp_path / "nn", 40)
    few, more = "/".join([unit] * 5 + [end]), "/".join([unit] * 10 + [end])
    cost = spent(tmp_path / "n", few)
    assert spent(tmp_path / "n", more) <= 2.6 * cost + 50
    assert spent(tmp_path / "nn", few) <= 2.6 * cost + 50
    assert cost <= 20 * 11 * 6


def test_many_stars_in_a_row_are_one(tmp_path):
    """`**/**` says what `**` says."""
    nested(tmp_path, 20)
    assert spent(tmp_path, "/".join(["**"] * 500 + ["*.toml"])) == spent(tmp_path, "**/*.toml")


def test_a_tree_deeper_than_the_stack_is_searched(tmp_path, monkeypatch):
    """No recursion: as deep as paths can be."""
    monkeypatch.chdir(tmp_path)
    depth = 1500
    for n in range(1, depth + 1):
        os.mkdir("/".join(["d"] * n))
    Path("/".join(["d"] * depth), "a.toml").touch()
    try:
        assert len(Search().matches(".", ("**", "*.toml"))) == 1
    finally:
        subprocess.run(["rm", "-r", "d"], check=True)  # what removes temporary directories has a stack, too


@pytest.mark.parametrize("part", ["*a" * 120, "[" * 255, "?*" * 120, "[!" * 120, "*" * 255])
def test_a_wildcard_that_could_backtrack_is_bounded(tmp_path, part):
    """Against names of maximal length: with many of them, the search reports that it is too much."""
    for n in range(20):
        (tmp_path / f"{'a' * 250}{n}").touch()
    assert spent(tmp_path, part) < MAX_STEPS / 50
    with pytest.raises(LimitError, match="too many names"):
        spent(tmp_path, *(f"{n}{part}"[:255] for n in range(500)))


def test_no_name_is_so_long(tmp_path):
    """A part of a pattern that is longer than any name matches nothing, and nothing is looked at."""
    (tmp_path / "a").touch()
    assert spent(tmp_path, "*" * 256) == 0


@pytest.mark.parametrize("text", ["*" * 5000, "a/" * 3000 + "*"])
def test_a_pattern_that_is_longer_than_a_path_is_refused(tmp_path, text):
    """With a problem that does not repeat all of it."""
    (problem,) = expand(tmp_path / "config.toml", [text]).problems
    assert problem.kind == "schema"
    assert len(problem.message) < 200


def test_a_pattern_that_is_listed_often_is_searched_once(tmp_path):
    """Where it is listed last, which is where its files count."""
    for name in "abc":
        (tmp_path / f"{name}.toml").touch()
    found = expand(tmp_path / "config.toml", ["*.toml", "a.toml", "*.toml"] * 1000 + ["a.toml"])
    assert [member.path.name for member in found.members[1:]] == ["b.toml", "c.toml", "a.toml"]


def test_too_much_is_one_problem(tmp_path, monkeypatch):
    """However many patterns are beyond the limit."""
    monkeypatch.setattr(module, "MAX_FOLDERS", 3)
    for n in range(5):
        (tmp_path / f"d{n}").mkdir()
    (problem,) = expand(tmp_path / "config.toml", ["**/*.toml", "*/a.toml", "d1/*.toml"]).problems
    assert problem.message == "watch_paths: more than 3 directories to look through"


# What hotconf itself writes


@pytest.mark.parametrize(
    "name", ["debug.log", "debug.log.1", "debug.log.5", "a.schema.json", ".hotconf-probe-x", ".hotconf-1f.tmp"]
)
@pytest.mark.parametrize("pattern", ["*", ".*", "**", "**/*", "./*", "NAME"])
def test_what_hotconf_writes_is_no_member(tmp_path, name, pattern):
    """Or it would trigger itself; by any pattern, even its own name."""
    (tmp_path / name).touch()
    (tmp_path / "a.toml").touch()
    found = expand(tmp_path / "config.toml", [pattern.replace("NAME", name)])
    assert {member.path.name for member in found.members} <= {"config.toml", "a.toml"}
    assert all(name not in names for names in found.listed.values())
    assert [problem.severity for problem in found.warnings] == ["warning"] * (pattern == "NAME")


@pytest.mark.parametrize(
    "pattern", ["**/*", "states/*/*", "states", "*/*/*", "link/**", "states/x/00000001.state", "li*/*/*"]
)
@pytest.mark.parametrize("states", ["config.toml-0123456789abcdef", "other-fedcba9876543210-1000"])
def test_states_are_no_members(tmp_path, pattern, states):
    """Wherever they are, this watcher's or another's; fragments beside them are members as ever."""
    root = Path(os.path.realpath(tmp_path))
    (root / "states" / states).mkdir(parents=True)
    for name in ("00000001.state", "lock", ".new-1"):
        (root / "states" / states / name).touch()
    (root / "states/a.toml").touch()
    (root / "link").symlink_to("states")
    found = expand(root / "config.toml", [pattern.replace("/x/", f"/{states}/")])
    assert {member.path.name for member in found.members} <= {"config.toml", "a.toml"}


def test_copies_are_members_and_told(tmp_path):
    """By name, whether a directory or a glob matches them; a file listed by name is intended."""
    for name in ("limits.toml", "limits (1).toml", "limits.orig.toml"):
        (tmp_path / "d" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "d" / name).touch()
    for pattern in ("d", "d/*.toml", "**/*.toml"):
        found = expand(tmp_path / "config.toml", [pattern])
        assert len(found.members) == 4
        assert [problem.kind for problem in found.warnings] == ["copy", "copy"]
        assert [problem.file.name for problem in found.warnings] == ["limits (1).toml", "limits.orig.toml"]
    assert not expand(tmp_path / "config.toml", ["d/limits (1).toml"]).warnings
