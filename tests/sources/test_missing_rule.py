"""Which files of the published state are gone, and which entries of `watch_paths` are lost with them."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path, PurePosixPath
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotconf.config.merge import merge
from hotconf.formats.base import Document
from hotconf.formats.registry import parse
from hotconf.problems import Problem
from hotconf.snapshot import SourceFile
from hotconf.sources.files.missing import Baseline, Disk, Entry, Found, Missing, judge, problems
from torture.extent import examples

ETC: Final = Path("/etc/app")
MAIN: Final = ETC / "config.toml"


def entries(*texts: str) -> tuple[Entry, ...]:
    """The entries of a `watch_paths`, relative to the main file's directory."""
    return tuple(entry(number, text) for number, text in enumerate(texts))


def entry(number: int, text: str) -> Entry:
    """One of them; a glob begins with its first wildcard."""
    parts = text.split("/")
    plain = next((at for at, part in enumerate(parts) if re.search(r"[*?[]", part)), None)
    if plain is None:
        return Entry(number, text, ETC / text)
    return Entry(number, text, ETC / text, ETC.joinpath(*parts[:plain]), tuple(parts[plain:]))


def state(files: dict[str, str], disks: dict[str, Disk] | None = None) -> Baseline:
    """A published state: the main file and these fragments."""
    fragments = (SourceFile(ETC / name, "fragment", text.encode()) for name, text in files.items())
    known = {ETC / name: disk for name, disk in (disks or {}).items()}
    return Baseline((SourceFile(MAIN, "main", b""), *fragments), known)


def found(files: dict[str, str], *texts: str, disks: dict[str, Disk] | None = None) -> Found:
    """What is there now, and the entries."""
    known = {ETC / name: disk for name, disk in (disks or {}).items()}
    return Found({ETC / name: text.encode() for name, text in files.items()}, entries(*texts), known)


def told(verdict: Missing) -> str:
    """The verdict in a few words."""
    lost = [f"{each.entry.text} {each.why} without {names(each.files)}" for each in verdict.lost]
    fewer = [f"fewer: {names(verdict.fewer)}"] if verdict.fewer else []
    return "; ".join([*lost, *fewer]) or "nothing"


def names(files: tuple[SourceFile, ...]) -> str:
    """Relative to the main file's directory."""
    return " ".join(str(file.path.relative_to(ETC)) for file in files)


A, B = {"conf.d/a.toml": "a = 1"}, {"conf.d/b.toml": "b = 1"}
HERE, THERE, BELOW = Disk(1, Path("/")), Disk(2, ETC / "mount"), Disk(1, Path("/"))
LINKED = THERE._replace(target=ETC / "mount/a.toml")

CASES = {
    "all are there": (state(A | B), found(A | B, "conf.d"), "nothing"),
    "one of a directory": (state(A | B), found(A, "conf.d"), "fewer: conf.d/b.toml"),
    "one of a glob": (state(A | B), found(A, "conf.d/*.toml"), "fewer: conf.d/b.toml"),
    "all of a directory": (state(A | B), found({}, "conf.d"), "conf.d emptied without conf.d/a.toml conf.d/b.toml"),
    "all of a glob": (state(A), found({}, "*/*.toml"), "*/*.toml emptied without conf.d/a.toml"),
    "a listed one": (
        state(A | B),
        found(B, "conf.d/a.toml", "conf.d/b.toml"),
        "conf.d/a.toml listed without conf.d/a.toml",
    ),
    "listed, and of a directory": (
        state(A | B),
        found(B, "conf.d", "conf.d/a.toml"),
        "conf.d/a.toml listed without conf.d/a.toml",
    ),
    "one entry is emptied, another is not": (
        state(A | {"more/c.toml": ""}),
        found({"more/c.toml": ""}, "**/*.toml", "conf.d"),
        "conf.d emptied without conf.d/a.toml",
    ),
    "another file takes the place of all": (state(A), found(B, "conf.d"), "fewer: conf.d/a.toml"),
    "renamed": (state(A), found({"conf.d/z.toml": "a = 1"}, "conf.d"), "nothing"),
    "renamed and edited": (state(A), found({"conf.d/z.toml": "a = 2"}, "conf.d"), "fewer: conf.d/a.toml"),
    "copied, then removed elsewhere": (
        state(A),
        found({"more/a.toml": "a = 1"}, "conf.d", "more"),
        "conf.d emptied without conf.d/a.toml",
    ),
    "the bytes of one that was there before": (
        state(A | {"conf.d/c.toml": "a = 1"}),
        found(A, "conf.d"),
        "fewer: conf.d/c.toml",
    ),
    "a listed one under a new name that is covered": (
        state({"limits.toml": "a = 1"}),
        found({"limits2.toml": "a = 1"}, "limits.toml", "lim*.toml"),
        "nothing",
    ),
    "its entry is removed": (state(A | B), found({}, "more"), "nothing"),
    "all entries are removed": (state(A | B), found({}), "nothing"),
    "its entry is narrowed": (state(A | B), found(A, "conf.d/a*.toml"), "nothing"),
    "its entry is spelled otherwise": (state(A), found({}, "conf.d/**"), "conf.d/** emptied without conf.d/a.toml"),
    "unmounted, with another file below": (
        state(A, {"conf.d": THERE}),
        found(B, "conf.d", disks={"conf.d": BELOW}),
        "conf.d unmounted without conf.d/a.toml",
    ),
    "unmounted, with a file of the same name below": (
        state(A, {"conf.d": THERE}),
        found({"conf.d/a.toml": "a = 0"}, "conf.d", disks={"conf.d": BELOW}),
        "conf.d unmounted without conf.d/a.toml",
    ),
    "unmounted, with the same file below": (
        state(A, {"conf.d": THERE}),
        found(A, "conf.d", disks={"conf.d": BELOW}),
        "nothing",
    ),
    "the base of a glob is unmounted": (
        state({"s/x/a.toml": "1", "s/y/a.toml": "1"}, {"s": THERE}),
        found({"s/x/a.toml": "1"}, "s/*/a.toml", disks={"s": BELOW}),
        "s/*/a.toml unmounted without s/y/a.toml",
    ),
    "one directory of a glob is unmounted": (
        state({"s/x/a.toml": "1", "s/y/a.toml": "1"}, {"s": HERE, "s/x": HERE, "s/y": THERE}),
        found({"s/x/a.toml": "1"}, "s/*/a.toml", disks={"s": HERE, "s/x": HERE, "s/y": BELOW}),
        "s/*/a.toml unmounted without s/y/a.toml",
    ),
    "another volume with all files": (
        state(A, {"conf.d": THERE}),
        found({"conf.d/a.toml": "a = 2"}, "conf.d", disks={"conf.d": Disk(3, ETC / "mount")}),
        "nothing",
    ),
    "a directory on another device, by a link": (
        state(A, {"conf.d": HERE}),
        found({"conf.d/a.toml": "a = 2"}, "conf.d", disks={"conf.d": Disk(3, Path("/other"))}),
        "nothing",
    ),
    "a link into a volume that is unmounted": (
        state(A | B, {"conf.d": HERE, "conf.d/a.toml": LINKED}),
        found(B, "conf.d", disks={"conf.d": HERE, "conf.d/a.toml": BELOW._replace(target=LINKED.target)}),
        "conf.d unmounted without conf.d/a.toml",
    ),
    "the same, with a file of the same name below": (
        state(A | B, {"conf.d": HERE, "conf.d/a.toml": LINKED}),
        found(
            {"conf.d/a.toml": ""} | B,
            "conf.d",
            disks={"conf.d": HERE, "conf.d/a.toml": BELOW._replace(target=LINKED.target)},
        ),
        "conf.d unmounted without conf.d/a.toml",
    ),
    "a link that leads elsewhere now": (
        state(A | B, {"conf.d": HERE, "conf.d/a.toml": LINKED}),
        found(
            {"conf.d/a.toml": ""} | B,
            "conf.d",
            disks={"conf.d": HERE, "conf.d/a.toml": BELOW._replace(target=ETC / "other.toml")},
        ),
        "nothing",
    ),
    "a link into a volume, removed": (
        state(A | B, {"conf.d": HERE, "conf.d/a.toml": LINKED}),
        found(B, "conf.d", disks={"conf.d": HERE, "conf.d/a.toml": BELOW._replace(target=ETC / "conf.d/a.toml")}),
        "fewer: conf.d/a.toml",
    ),
    "the same device, fewer files": (
        state(A | B, {"conf.d": THERE}),
        found(A, "conf.d", disks={"conf.d": THERE}),
        "fewer: conf.d/b.toml",
    ),
    "a directory with brackets in its name": (
        state({"conf[1].d/a.toml": ""}),
        found({}, "conf[1].d"),
        "conf[1].d emptied without conf[1].d/a.toml",
    ),
}


@pytest.mark.parametrize(("before", "now", "expected"), CASES.values(), ids=CASES)
def test_verdict(before: Baseline, now: Found, expected: str) -> None:
    """A file is gone only if it was covered and still is; a lost entry is never confused with fewer drop-ins."""
    assert told(judge(before, now)) == expected


# An oracle, by the words of the rule

FILES = [f"{directory}{name}.toml" for directory in ("", "d/", "d/e/", "f/") for name in ("a", "b", ".h")]
TEXTS = [
    "a.toml",
    "d",
    "f",
    "d/a.toml",
    "*.toml",
    "d/*.toml",
    "*/a.toml",
    "**/b.toml",
    "d/**",
    "**",
    "?/[ab].toml",
    ".*",
]

contents = st.dictionaries(st.sampled_from(FILES), st.sampled_from(["x", "y"]), max_size=6)


def covers(text: str, name: str) -> bool:
    """Whether an entry covers a file, by a pattern of its own making."""
    path = PurePosixPath(name)
    if text in (name, str(path.parent)):
        return True
    if not re.search(r"[*?[]", text):
        return False
    parts = [*text.split("/"), *(["*"] if text.endswith("**") else [])]
    ways = [[]]
    for part in parts:
        ways = [
            [*way, *step] for way in ways for step in ([["*"] * n for n in range(4)] if part == "**" else [[part]])
        ]
    return any(
        len(way) == len(path.parts)
        and all(
            fnmatch.fnmatchcase(given, part) and (part[0] == "." or given[0] != ".")
            for part, given in zip(way, path.parts, strict=True)
        )
        for way in ways
    )


@settings(max_examples=examples(600, 150), derandomize=True, database=None)
@given(before=contents, now=contents, texts=st.lists(st.sampled_from(TEXTS), max_size=4))
def test_agrees_with_the_rule(before: dict[str, str], now: dict[str, str], texts: list[str]) -> None:
    """The verdict follows the rule word for word, for any files and entries."""
    new = {(PurePosixPath(name).parent, text) for name, text in now.items() if name not in before}
    gone = {
        name
        for name, text in before.items()
        if name not in now
        and any(covers(each, name) for each in texts)
        and (PurePosixPath(name).parent, text) not in new
    }
    lost = {
        number
        for number, text in enumerate(texts)
        if text in gone or (any(covers(text, name) for name in gone) and not any(covers(text, name) for name in now))
    }
    verdict = judge(state(before), found(now, *texts))
    assert {str(file.path.relative_to(ETC)) for file in verdict.files} == gone
    assert {each.entry.number for each in verdict.lost} == lost
    fewer = {name for name in gone if not any(covers(texts[number], name) for number in lost)}
    assert {str(file.path.relative_to(ETC)) for file in verdict.fewer} == fewer


def test_entries_and_files_by_the_thousand() -> None:
    """Ten thousand listed files that are gone are found in one pass."""
    listed = [f"d{number}/a.toml" for number in range(10_000)]
    verdict = judge(state(dict.fromkeys(listed, "")), found({}, *listed))
    assert len(verdict.lost) == len(listed)


# What is reported

TEXT = '[hot_reload]\nwatch_paths = ["base.toml", "conf.d"]\n'


def messages(verdict: Missing, text: str = TEXT) -> list[Problem]:
    """The problems of a main file that says this."""
    document = parse(text.encode(), MAIN)
    assert isinstance(document, Document)
    return list(problems(verdict, MAIN, merge([document]).origins, ("hot_reload",)))


def test_what_is_lost_is_told_at_its_entry() -> None:
    """The error stands where the main file has the entry; it names the files."""
    (error,) = messages(judge(state(A | B), found({}, "base.toml", "conf.d")))
    assert (error.kind, error.severity, error.place) == ("missing", "error", "config.toml:2:29")
    assert error.message == 'watch_paths: nothing is left of "conf.d", which had a.toml, b.toml'
    assert error.path == ("hot_reload", "watch_paths", 1)


def test_a_file_fewer_is_told_with_its_keys() -> None:
    """The warning names the file and all that it set, whole arrays as one."""
    text = 'top = 1\n[cost]\ndaily = 5\nempty = {}\n[[agents]]\nname = "x"\n["a b"]\nc = 1\n'
    gone = state({"conf.d/limits.toml": text} | A)
    (warning,) = messages(judge(gone, found(A, "base.toml", "conf.d")))
    assert (warning.kind, warning.severity, str(warning.file)) == (
        "missing",
        "warning",
        "/etc/app/conf.d/limits.toml",
    )
    assert warning.message == 'The file is gone, and with it top, cost.daily, cost.empty, agents, "a b".c'


def test_of_many_keys_and_files_the_first_are_named() -> None:
    """A message stays short, and says how much it leaves out."""
    many = state({"conf.d/m.toml": "\n".join(f"k{n} = 1" for n in range(500))} | A)
    (warning,) = messages(judge(many, found(A, "base.toml", "conf.d")))
    assert warning.message.endswith("k8, k9, 490 more")
    (error,) = messages(judge(state({f"conf.d/{n}.toml": "" for n in range(40)}), found({}, "base.toml", "conf.d")))
    assert error.message.endswith("8.toml, 9.toml, 30 more")


def test_no_secret_is_told() -> None:
    """Credentials in a key are masked; the message never shows a value."""
    text = '[registries."https://bot:hunter2@reg.example/"]\npassword = "hunter2"\n'
    (warning,) = messages(judge(state({"conf.d/r.toml": text} | A), found(A, "base.toml", "conf.d")))
    assert "hunter2" not in repr(warning)
    assert "reg.example" in warning.message


def test_entries_of_the_program_have_no_place() -> None:
    """For entries given as an argument the main file as a whole is the place."""
    verdict = judge(state(A), found({}, "conf.d"))
    (error,) = problems(verdict, MAIN, None, None)
    assert (error.place, error.path) == ("config.toml", ())
