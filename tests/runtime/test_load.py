"""One load: the files as one consistent set become a candidate, or every reason why they do not."""

from __future__ import annotations

import itertools
import logging
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, SecretStr, field_validator

from hotconf.engine.candidate import Candidate, Invalid, Unstable, Valid
from hotconf.problems import Problem
from hotconf.runtime.load import drifted, load
from hotconf.runtime.loads import isolated_load
from hotconf.schema import Schema
from hotconf.settings import HotReloadSettings, PinnedSettings
from hotconf.snapshot import Origin, Snapshot
from hotconf.sources.base import LoadResult, Options
from hotconf.sources.files import reading
from hotconf.sources.files import set_reader as module
from hotconf.sources.files.compare import compare


class Server(BaseModel):
    model_config = ConfigDict(frozen=True)

    host: str = "localhost"
    port: int = 80


class Config(BaseModel):
    model_config = ConfigDict(frozen=True)

    server: Server = Server()
    name: str = "default"
    token: SecretStr = SecretStr("")
    hot_reload: HotReloadSettings = HotReloadSettings()


SCHEMA = Schema(Config)


def torn(path):
    """The file changed while it was read."""
    return Unstable((path,), (Problem("The file is being written", kind="unstable", file=path),))


@pytest.fixture
def root(tmp_path):
    """The directory of the main file, without links on its way."""
    return Path(os.path.realpath(tmp_path))


@pytest.fixture(autouse=True)
def aged(monkeypatch):
    """No file is young, so that what is known may be used again."""
    monkeypatch.setattr(reading, "FRESH_NS", 0)


def save(root: Path, **texts: str) -> Options[Config]:
    """Write `NAME.toml` files; the source whose main file is `config.toml`."""
    for name, text in texts.items():
        (root / f"{name}.toml").write_text(text)
    return Options(root / "config.toml", SCHEMA)


def listing(*patterns: str) -> str:
    """The lines that make `patterns` the `watch_paths`."""
    return f"[hot_reload]\nwatch_paths = {list(patterns)!r}\n"


def good(candidate: Candidate[Config]) -> Valid[Config]:
    """A candidate that has to be good."""
    assert isinstance(candidate, Valid), candidate
    return candidate


def publish(result: LoadResult[Config], generation: int = 1) -> Snapshot[Config]:
    """What a watcher would publish."""
    made = good(result.candidate)
    return Snapshot(
        made.config, generation, made.digest, made.loaded_at, made.files, made.origins, warnings=made.warnings
    )


def told(candidate: Candidate[Any]) -> list[tuple[str, str, str | None]]:
    """Severity, message and file of each problem or warning."""
    problems = candidate.warnings if isinstance(candidate, Valid) else candidate.problems
    return [(each.severity, each.message, each.file and each.file.name) for each in problems]


def between(monkeypatch, owner: Any, name: str, act, *, after: int = 0) -> None:
    """Have `act` done once, right before `owner.name` is called for the time after `after` times."""
    real = getattr(owner, name)
    calls = iter(range(1_000_000))

    def wrapped(*given, **named):
        if next(calls) == after:
            act()
        return real(*given, **named)

    monkeypatch.setattr(owner, name, wrapped)


# Files that shrank


@pytest.mark.parametrize(
    ("now", "shrank"),
    [
        ("name = 'x'\n", True),
        ("", True),
        ("name = ", True),
        ("name = 'x'\n[server]\nport = 1\n", False),
        ("name = 'x'\n[server]\nport = 1\n# more\n", False),
        ("name = 'y'\n", False),
        (None, False),
    ],
    ids=["a part", "nothing", "a broken part", "the same", "more", "another", "missing"],
)
def test_the_first_part_of_what_was_there_is_told(root, now, shrank):
    """Against what is published: half of a new content may look so."""
    source = save(root, config="name = 'x'\n[server]\nport = 1\n")
    first = load(source)
    main = root / "config.toml"
    main.unlink() if now is None else main.write_text(now)
    candidate = load(source, publish(first), first.files).candidate
    assert candidate.shrank == ((main,) if shrank else ())


def test_a_part_of_what_failed_is_one_too(root):
    """Against what the files said when the last round ended, published or not."""
    source = save(root, config="name = 'y'\nport =")
    failed = load(source)
    (root / "config.toml").write_text("name = 'y'\n")
    assert load(source, None, failed.files).candidate.shrank == ()
    assert load(source, None, failed.files, before=failed.files.reads).candidate.shrank == (root / "config.toml",)


def test_back_to_what_is_published_is_no_half_file(root):
    """There is nothing to be wary of: nothing would be published."""
    source = save(root, config="name = 'x'\n")
    first = load(source)
    save(root, config="name = 'x'\nport =")
    failed = load(source, publish(first), first.files)
    save(root, config="name = 'x'\n")
    back = good(load(source, publish(first), failed.files, before=failed.files.reads).candidate)
    assert back.unchanged
    assert back.shrank == ()


# One file


def test_a_file_becomes_a_frozen_config(root):
    """With its digest, its bytes, its origins and its settings."""
    text = "name = 'x'\n[server]\nport = 1\n"
    made = good(load(save(root, config=text)).candidate)
    assert (made.config.name, made.config.server.port) == ("x", 1)
    assert [(file.path.name, file.role, file.content) for file in made.files] == [
        ("config.toml", "main", text.encode())
    ]
    assert made.origins["server", "port"] == Origin("file", "config.toml:3:8", root / "config.toml", 3, 8)
    assert (made.settings, made.changes, made.summary, made.unchanged) == (HotReloadSettings(), (), (), None)
    assert min(made.timings.read, made.timings.parse, made.timings.validate) > 0


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "empty"),
        (b" \n\t\r\n", "empty"),
        (b"name = ", "syntax"),
        (b"name = 'x'\nname = 'y'", "syntax"),
        (b"name = '\xff'", "encoding"),
        (b"name = 1", "schema"),
        (b"[hot_reload]\ndebounce_ms = 5", "semantic"),
        (b"#" * 2000, "too_large"),
    ],
)
def test_each_kind_of_bad_content(root, content, kind):
    """Never a config, always a reason, with the file."""
    (root / "config.toml").write_bytes(content)
    result = load(Options(root / "config.toml", SCHEMA, max_bytes=1000))
    assert isinstance(result.candidate, Invalid)
    assert result.candidate.kind == kind
    assert {problem.file for problem in result.candidate.problems} == {root / "config.toml"}


def test_a_missing_main_file_is_a_failure(root):
    """Never "all defaults", not even where an empty file is allowed."""
    source = Options(root / "config.toml", SCHEMA, allow_empty=True)
    assert told(load(source).candidate) == [("error", "The file does not exist", "config.toml")]
    (root / "config.toml").write_text("")
    assert good(load(source).candidate).config == Config()


def test_comments_are_not_empty(root):
    """The template is a file of comments."""
    assert good(load(save(root, config="# all defaults\n")).candidate).config == Config()


# Several files


def test_fragments_are_merged_in_the_order_listed(root):
    """The last one wins, tables merge, and it stays known where each value was written."""
    source = save(
        root,
        config=listing("b.toml", "a.toml") + "[server]\nhost = 'main'\nport = 1\n",
        a="name = 'a'\n[server]\nport = 3\n",
        b="name = 'b'\n[server]\nport = 2\n",
    )
    made = good(load(source).candidate)
    assert (made.config.name, made.config.server) == ("a", Server(host="main", port=3))
    assert [file.path.name for file in made.files] == ["config.toml", "b.toml", "a.toml"]
    assert made.origins["server", "port"].file == root / "a.toml"
    assert made.origins["server", "host"].file == root / "config.toml"


def test_directories_and_globs_of_fragments(root):
    """In their order; what a directory holds may change with every load."""
    (root / "conf.d").mkdir()
    source = save(root, config=listing("conf.d", "x-*.toml"))
    save(root / "conf.d", b="name = 'b'", a="name = 'a'")
    save(root, **{"x-1": "[server]\nport = 5"})
    result = load(source)
    assert [file.path.name for file in good(result.candidate).files] == [
        "config.toml",
        "a.toml",
        "b.toml",
        "x-1.toml",
    ]
    (root / "conf.d/b.toml").unlink()
    after = load(source, publish(result), result.files)
    assert good(after.candidate).config.name == "a"


def test_what_the_files_say_is_one_load(root):
    """`watch_paths` count with the very load that reads them."""
    source = save(root, config="name = 'x'", a="[server]\nport = 9")
    first = load(source)
    save(root, config=listing("a.toml"))
    second = load(source, publish(first), first.files, frozenset({root / "config.toml"}))
    assert good(second.candidate).config.server.port == 9
    assert good(second.candidate).settings.watch_paths == ("a.toml",)


def test_an_absent_fragment_is_a_warning(root):
    """It is told, and among the files to be watched."""
    result = load(save(root, config=listing("a.toml", "conf.d", "ca.pem")))
    assert told(result.candidate) == [
        ("warning", "The file does not exist", "a.toml"),
        ("warning", "The file does not exist", "conf.d"),
        ("warning", "The file does not exist", "ca.pem"),
    ]
    assert [member.path.name for member in result.files.members] == ["config.toml", "a.toml", "conf.d", "ca.pem"]


@pytest.mark.parametrize(
    ("content", "kind"), [("", "empty"), ("x = ", "syntax"), ("name = 1", "schema"), ("#" * 2000, "too_large")]
)
def test_a_bad_fragment_fails_like_a_bad_main_file(root, content, kind):
    """Never the main file alone."""
    source = Options(save(root, config=listing("a.toml"), a=content).path, SCHEMA, max_bytes=1000)
    candidate = load(source).candidate
    assert isinstance(candidate, Invalid)
    assert (candidate.kind, candidate.problems[0].file) == (kind, root / "a.toml")


def test_a_directory_that_cannot_be_listed_fails(root, monkeypatch):
    """Never the configuration without its fragments."""
    (root / "conf.d").mkdir()
    source = save(root, config=listing("conf.d"))
    save(root / "conf.d", a="name = 'a'")

    def refuse(path):
        raise OSError(24, "Too many open files", path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", refuse)
        result = load(source)
    assert told(result.candidate) == [("error", f"Cannot list the directory: {os.strerror(24)}", "conf.d")]
    assert compare(result.files, source).changed == (root / "conf.d/a.toml",)


def test_files_that_are_watched_only_are_not_read(root, monkeypatch):
    """They may hold anything, be large, be no files; their stamps count."""
    (root / "ca.pem").write_bytes(b"\xff" * 100)
    os.mkfifo(root / "pipe")
    source = Options(save(root, config=listing("ca.pem", "pipe")).path, SCHEMA, max_bytes=90)
    read = []
    real = reading.opened
    monkeypatch.setattr(reading, "opened", lambda path, cap: read.append(path.name) or real(path, cap))
    result = load(source)
    assert read == ["config.toml"]
    assert [file.path.name for file in good(result.candidate).files] == ["config.toml"]
    assert not reading.same(root / "ca.pem", reading.Stamp())
    assert reading.same(root / "ca.pem", result.files.reads[root / "ca.pem"].stamp)


def test_watch_paths_count_only_in_the_main_file(root):
    """In a fragment they are ignored, with a warning at their place; the rest of its table counts."""
    source = save(
        root,
        config=listing("a.toml") + "debounce_ms = 300\n",
        a="# a\n[hot_reload]\nwatch_paths = ['b.toml']\ndebounce_ms = 400\n",
        b="name = 'b'",
    )
    made = good(load(source).candidate)
    assert (made.config.name, made.config.hot_reload) == (
        "default",
        HotReloadSettings(debounce_ms=400, watch_paths=("a.toml",)),
    )
    (warning,) = made.warnings
    assert (warning.message, warning.line, warning.file) == (
        "watch_paths only has an effect in the main file",
        3,
        root / "a.toml",
    )


def test_watch_paths_of_a_fragment_in_another_spelling(root):
    """`watch-paths` is the same key where the schema allows both spellings."""
    save(root, config="[hot-reload]\nwatch-paths = ['a.toml']", a="[hot-reload]\nwatch-paths = ['b.toml']")
    made = good(load(Options(root / "config.toml", Schema(Config, kebab=True))).candidate)
    assert made.config.hot_reload.watch_paths == ("a.toml",)
    assert [(problem.message, problem.line) for problem in made.warnings] == [
        ("watch_paths only has an effect in the main file", 2)
    ]


def test_a_broken_main_file_keeps_the_watch_paths_in_force(root):
    """Its fragments are watched and told of until it says something else."""
    source = save(root, config=listing("a.toml"), a="name = 'a'")
    first = load(source)
    save(root, config="broken", a="worse")
    second = load(source, publish(first), first.files, frozenset(first.files.reads))
    assert [each[2] for each in told(second.candidate)] == ["config.toml", "a.toml"]
    assert second.files.patterns == ("a.toml",)


def test_problems_come_in_file_order(root):
    """Main file first, then the fragments as they are merged; in each by line; warnings among the errors."""
    source = save(
        root,
        config="name = 1\n" + listing("missing.toml", "a.toml", "b.toml") + "[server]\nport = 'x'\n",
        a="typo = 1\n[hot_reload]\nwatch_paths = []\n[server]\nhost = 5\n",
        b="token = 1\n",
    )
    candidate = load(source).candidate
    assert isinstance(candidate, Invalid)
    assert [(each.file and each.file.name, each.line, each.severity) for each in candidate.problems] == [
        ("config.toml", 1, "error"),
        ("config.toml", 5, "error"),
        ("missing.toml", None, "warning"),
        ("a.toml", 1, "warning"),
        ("a.toml", 3, "warning"),
        ("a.toml", 5, "error"),
        ("b.toml", 1, "error"),
    ]


def test_every_broken_file_is_told(root):
    """One bad file does not hide the next."""
    source = save(root, config=listing("a.toml", "b.toml", "c.toml"), a="x = ", b="", c="name = 'ok'")
    assert [(kind, name) for kind, _, name in told(load(source).candidate)] == [
        ("error", "a.toml"),
        ("error", "b.toml"),
    ]


def test_names_that_are_not_utf8(root):
    """A fragment may have any name, which is told in printable form."""
    (root / "conf.d").mkdir()
    source = save(root, config=listing("conf.d"))
    bad = root / "conf.d" / os.fsdecode(b"\xff\n.toml")
    bad.write_text("name = 'x'")
    result = load(source)
    assert good(result.candidate).config.name == "x"
    bad.write_text("broken")
    (problem,) = load(source, publish(result), result.files, frozenset({bad})).candidate.problems
    assert str(problem).startswith("\\udcff\\n.toml:1:")


# One consistent set


def test_a_file_that_changes_after_it_was_read(root, monkeypatch):
    """The set is compared with the disk when all of it has been read: a mixture is no candidate."""
    source = save(root, config=listing("a.toml") + "name = 'old'", a="[server]\nport = 1")
    between(monkeypatch, reading, "opened", lambda: save(root, config=listing("a.toml") + "name = 'new'"), after=1)
    assert load(source).candidate == torn(root / "config.toml")


def test_the_main_file_is_replaced_while_it_is_parsed(root, monkeypatch):
    """Its `watch_paths` and its values are of one state."""
    source = save(root, config=listing("a.toml"), a="name = 'a'")

    def replace():
        save(root, new="name = 'new'")
        (root / "new.toml").rename(root / "config.toml")

    between(monkeypatch, module, "parse", replace)
    assert load(source).candidate == torn(root / "config.toml")


def test_a_file_that_stands_alone_is_replaced_while_it_is_parsed(root, monkeypatch):
    """What was read is a state that there was, whole; a rename makes the next one."""
    source = save(root, config="name = 'old'")

    def replace():
        save(root, new="name = 'new'")
        (root / "new.toml").rename(root / "config.toml")

    between(monkeypatch, module, "parse", replace)
    found = load(source)
    assert found.candidate.config.name == "old"
    assert not reading.same(root / "config.toml", found.files.reads[root / "config.toml"].stamp)
    assert load(source).candidate.config.name == "new"


def test_a_file_that_stands_alone_is_written_to_while_it_is_parsed(root, monkeypatch):
    """It may have been half written when it was read."""
    source = save(root, config="name = 'old'")
    between(monkeypatch, module, "parse", lambda: save(root, config="name = 'newer'"))
    assert load(source).candidate == torn(root / "config.toml")


def rename_over(root: Path, **texts: str) -> None:
    """Save as careful editors do."""
    for name, text in texts.items():
        beside = root / f".{name}.new"
        beside.write_text(text)
        beside.replace(root / f"{name}.toml")


OLD, NEW = (f"name = '{name}'\n" + listing("a.toml") for name in ("old", "new"))


@pytest.fixture
def pair(root):
    """Two files, loaded: a load that knows them, and was told that they were touched."""
    source = save(root, config=OLD, a="[server]\nport = 1")
    known = load(source).files

    def again() -> LoadResult[Config]:
        return load(source, None, known, frozenset(known.reads))

    return again


@pytest.mark.parametrize(
    "what", [{"config": NEW}, {"a": "[server]\nport = 2"}, {"config": NEW, "a": "[server]\nport = 2"}]
)
def test_a_set_is_renamed_over_while_its_main_file_is_parsed(pair, root, monkeypatch, what):
    """All of it had been read by then, and was one state: what comes is the next one."""
    between(monkeypatch, module, "parse", lambda: rename_over(root, **what))
    config = good(pair().candidate).config
    assert (config.name, config.server.port) == ("old", 1)
    config = good(pair().candidate).config
    assert (config.name, config.server.port) == ("new" if "config" in what else "old", 2 if "a" in what else 1)


def test_the_main_file_of_a_set_is_written_to_while_it_is_parsed(pair, root, monkeypatch):
    """It may have been half written when it was read."""
    between(monkeypatch, module, "parse", lambda: save(root, config=NEW))
    assert pair().candidate == torn(root / "config.toml")


def test_a_set_of_which_the_main_file_is_renamed_over_before_the_others_are_read(pair, root, monkeypatch):
    """The new ones of them may belong to the new main file: that would be a mixture."""
    between(monkeypatch, reading, "opened", lambda: rename_over(root, config=NEW, a="[server]\nport = 2"), after=1)
    assert pair().candidate == torn(root / "config.toml")


def test_other_files_are_named_by_a_main_file_that_is_renamed_over_while_it_is_parsed(root, monkeypatch):
    """They can be read only then: whether they belong to it cannot be told."""
    source = save(root, config=listing("a.toml"), a="name = 'a'", b="name = 'b'")
    known = load(source).files
    save(root, config=listing("b.toml"))
    between(monkeypatch, module, "parse", lambda: rename_over(root, config="name = 'new'\n" + listing("b.toml")))
    assert load(source, None, known, frozenset([source.path])).candidate == torn(root / "config.toml")


def test_no_other_files_are_named_by_a_main_file_that_is_renamed_over_while_it_is_parsed(root, monkeypatch):
    """It is the whole set, and was read whole."""
    source = save(root, config=listing("a.toml"), a="name = 'a'")
    known = load(source).files
    save(root, config="name = 'alone'")
    between(monkeypatch, module, "parse", lambda: rename_over(root, config="name = 'new'"))
    assert good(load(source, None, known, frozenset([source.path])).candidate).config.name == "alone"


def test_a_set_that_is_renamed_over_without_a_pause_is_never_mixed(root):
    """Main file first, then its fragment: what is read is what was there at one moment, or is not stable."""
    source = save(root, config="name = '0'\n" + listing("a.toml"), a="[server]\nport = 0")
    known = load(source).files
    ends = threading.Event()

    def writes() -> None:
        for version in itertools.count(1):
            if ends.is_set():
                return
            rename_over(root, config=f"name = '{version}'\n" + listing("a.toml"))
            rename_over(root, a=f"[server]\nport = {version}")

    writer = threading.Thread(target=writes)
    writer.start()
    try:
        seen: set[int] = set()
        until = time.monotonic() + 60
        while len(seen) < 100 and time.monotonic() < until:
            result = load(source, None, known, frozenset(known.reads))
            if isinstance(result.candidate, Valid):
                config = result.candidate.config
                assert int(config.name) - config.server.port in (0, 1)
                seen.add(int(config.name))
            known = result.files
    finally:
        ends.set()
        writer.join()
    assert len(seen) >= 3


def test_documents_stand_in_the_order_of_their_files(root):
    """A fragment that was broken and is repaired is where it was: the later ones go on winning."""
    (root / "conf.d").mkdir()
    source = save(root, config=listing("conf.d"))
    save(root / "conf.d", a="name = 'a'", b="name = 'b'", c="name = 'c'")
    known = load(source).files
    path = root / "conf.d/b.toml"
    for text in ("name =", "name = 'new'\n[server]\nport = 9"):
        path.write_text(text)
        result = load(source, None, known, frozenset([path]))
        known = result.files
    config = good(result.candidate).config
    assert (config.name, config.server.port) == ("c", 9)
    assert [each.path.name for each in known.documents] == ["config.toml", "a.toml", "b.toml", "c.toml"]
    (root / "conf.d/c.toml").write_text("")
    broken = load(source, None, known, frozenset([root / "conf.d/c.toml"]))
    assert told(broken.candidate) == [("error", "File is empty", "c.toml")]
    (root / "config.toml").write_text("[")
    known = load(source, None, broken.files, frozenset([source.path])).files
    save(root, config=listing("conf.d"))
    save(root / "conf.d", c="name = 'last'")
    again = load(source, None, known, frozenset([source.path, root / "conf.d/c.toml"]))
    assert good(again.candidate).config.name == "last"
    assert [each.path.name for each in again.files.documents] == ["config.toml", "a.toml", "b.toml", "c.toml"]


@pytest.mark.parametrize("pattern", ["conf.d", "conf.d/*.toml", "conf.d/**/*.toml"])
def test_a_fragment_that_appears_during_the_read(root, monkeypatch, pattern):
    """It belongs to the state that is being read."""
    (root / "conf.d").mkdir()
    source = save(root, config=listing(pattern))
    save(root / "conf.d", a="name = 'a'")
    between(monkeypatch, reading, "opened", lambda: save(root / "conf.d", b="name = 'b'"), after=1)
    assert load(source).candidate == torn(root / "conf.d/b.toml")


def test_a_missing_fragment_that_appears_during_the_read(root, monkeypatch):
    """Absent is a state of a file, too."""
    source = save(root, config=listing("a.toml"))
    between(monkeypatch, reading, "changed", lambda: save(root, a="name = 'a'"), after=1)
    assert load(source).candidate == torn(root / "a.toml")


def test_a_fragment_that_vanishes_during_the_read(root, monkeypatch):
    """Also by its directory."""
    (root / "conf.d").mkdir()
    source = save(root, config=listing("conf.d"))
    save(root / "conf.d", a="name = 'a'", b="name = 'b'")
    between(monkeypatch, reading, "opened", (root / "conf.d/a.toml").unlink, after=2)
    assert load(source).candidate == torn(root / "conf.d/a.toml")


def test_a_link_that_is_swapped_during_the_read(root, monkeypatch):
    """All files of one version, or none: the directory of a release is swapped by one link."""
    for version in ("v1", "v2"):
        (root / version).mkdir()
        save(root / version, config=f"name = '{version}'\n" + listing("a.toml"), a="[server]\nport = 1")
    (root / "now").symlink_to("v1")

    def swap():
        (root / "next").symlink_to("v2")
        (root / "next").rename(root / "now")

    between(monkeypatch, reading, "opened", swap, after=1)
    candidate = load(Options(root / "now/config.toml", SCHEMA)).candidate
    assert isinstance(candidate, Unstable)
    assert root / "now/config.toml" in candidate.sources


def test_a_watched_file_that_changes_during_the_read(root, monkeypatch):
    """Its change asks for a reload: it is not lost."""
    source = save(root, config=listing("ca.pem"))
    (root / "ca.pem").write_text("old")
    between(monkeypatch, reading, "changed", lambda: (root / "ca.pem").write_text("newer"), after=1)
    assert load(source).candidate == torn(root / "ca.pem")


# What is known is used again


@pytest.fixture
def work(monkeypatch):
    """The names of the files that are read and of those that are parsed."""
    done: dict[str, list[str]] = {"read": [], "parse": []}
    read, parse = reading.opened, module.parse

    def read_noted(path, cap):
        done["read"].append(path.name)
        return read(path, cap)

    def parsing(data, path, **named):
        done["parse"].append(path.name)
        return parse(data, path, **named)

    monkeypatch.setattr(reading, "opened", read_noted)
    monkeypatch.setattr(module, "parse", parsing)
    return done


def test_only_what_was_touched_is_read_and_parsed_again(root, work):
    """Of a thousand fragments one is saved: one is read."""
    (root / "conf.d").mkdir()
    source = save(root, config=listing("conf.d"))
    save(root / "conf.d", **{f"f{number:03}": f"[server]\nport = {number}" for number in range(50)})
    first = load(source)
    assert len(work["read"]) == len(work["parse"]) == 51
    work["read"].clear()
    work["parse"].clear()
    save(root / "conf.d", f049="[server]\nport = 4900")
    second = load(source, publish(first), first.files, frozenset({root / "conf.d/f049.toml"}))
    assert work == {"read": ["f049.toml"], "parse": ["f049.toml"]}
    assert good(second.candidate).config.server.port == 4900


def test_what_has_another_stamp_is_read_although_nobody_said_so(root, work):
    """A touch that was not noticed does not lead to an old state."""
    source = save(root, config=listing("a.toml"), a="name = 'old'")
    first = load(source)
    work["read"].clear()
    save(root, a="name = 'other'")
    second = load(source, publish(first), first.files)
    assert work["read"] == ["a.toml"]
    assert good(second.candidate).config.name == "other"


def test_what_was_touched_is_read_although_its_stamp_is_the_same(root, work):
    """Two writes within one tick of the clock of the file system have one time stamp."""
    source = save(root, config="name = 'x'")
    first = load(source)
    work["read"].clear()
    load(source, publish(first), first.files, frozenset({source.path}))
    assert work["read"] == ["config.toml"]


def test_what_is_not_settled_is_read_again(root, work, monkeypatch):
    """A young file may have changed without a new time stamp."""
    monkeypatch.setattr(reading, "FRESH_NS", 60_000_000_000)
    source = save(root, config="name = 'x'")
    first = load(source)
    load(source, publish(first), first.files)
    assert work["read"] == ["config.toml", "config.toml"]


def test_a_failed_load_is_known_as_well(root, work):
    """After a mistake in one file only that one is read again."""
    source = save(root, config=listing("a.toml", "b.toml"), a="broken", b="name = 'b'")
    first = load(source)
    assert isinstance(first.candidate, Invalid)
    work["read"].clear()
    save(root, a="[server]\nport = 1")
    second = load(source, None, first.files, frozenset({root / "a.toml"}))
    assert work["read"] == ["a.toml"]
    assert good(second.candidate).config == Config(
        name="b", server=Server(port=1), hot_reload=HotReloadSettings(watch_paths=("a.toml", "b.toml"))
    )


def test_after_an_internal_error_everything_is_read(root, work):
    """What is known then are stamps: no content, which must not be taken for an empty file."""
    source = save(root, config=listing("a.toml") + "name = 'x'", a="[server]\nport = 1")
    first = load(source)

    def fail():
        raise MemoryError

    broken = isolated_load(fail, first.files)
    assert isinstance(broken.candidate, Invalid)
    assert broken.candidate.kind == "internal"
    assert broken.files.patterns == ("a.toml",)
    work["read"].clear()
    again = load(source, publish(first), broken.files)
    assert work["read"] == ["config.toml", "a.toml"]
    assert good(again.candidate).unchanged == "the files are the same"


# Compared with what is published


def test_the_same_bytes_are_unchanged(root):
    """Nothing is validated, and the config is the same object."""
    calls = []
    schema = Schema(Config, checks=[lambda config: calls.append(1) or ()])
    source = Options(save(root, config="name = 'x'").path, schema)
    first = load(source)
    published = publish(first)
    save(root, config="name = 'x'")
    second = good(load(source, published, first.files, frozenset({source.path})).candidate)
    assert (second.unchanged, calls) == ("the files are the same", [1])
    assert second.config is published.config
    assert second.digest == published.digest


def test_the_same_values_are_unchanged(root):
    """Another comment is another digest and the same configuration."""
    source = save(root, config="name = 'x'")
    first = load(source)
    save(root, config="# why\nname = 'x'")
    second = good(load(source, publish(first), first.files, frozenset({source.path})).candidate)
    assert (second.unchanged, second.changes) == ("no value differs", ())
    assert second.digest != publish(first).digest
    assert second.origins["name",].line == 2


def test_the_digest_tells_bytes_files_and_their_order_apart(root):
    """Content that moves from one file to the next is another state."""
    source = save(root, config=listing("a.toml", "b.toml"), a="name = 'x'\n", b="# \n")
    first = good(load(source).candidate).digest
    save(root, a="name = 'x'\n# \n", b="#\n")
    second = good(load(source).candidate).digest
    save(root, config=listing("b.toml", "a.toml"))
    assert len({first, second, good(load(source).candidate).digest}) == 3


def test_changes_and_their_telling(root):
    """Against what is published, secrets masked; each change is a line unless the schema tells them."""
    source = save(root, config="name = 'a'\ntoken = 'hunter2'")
    first = load(source)
    save(root, config="name = 'b'\ntoken = 'hunter3'")
    second = good(load(source, publish(first), first.files).candidate)
    assert second.summary == ('name: "a" → "b"', "token: changed (secret)")
    schema = Schema(Config, describe=lambda old, new, changes: [f"{old.name} to {new.name}, {len(changes)}"])
    told_by_schema = good(load(Options(source.path, schema), publish(first), first.files).candidate)
    assert told_by_schema.summary == ("a to b, 2",)


def test_a_telling_cannot_give_secrets_away(root, caplog):
    """Neither in its lines nor in what it raises: what is secret in either configuration is masked."""

    def describe(old, new, changes):
        yield f"{old.token.get_secret_value()} became {new.token.get_secret_value()}"
        if new.name == "b":
            raise ValueError(new.token.get_secret_value())

    first = load(save(root, config="token = 'hunter2'"))
    source = Options(save(root, config="token = 'hunter3'").path, Schema(Config, describe=describe))
    made = good(load(source, publish(first), first.files).candidate)
    assert made.summary == ("******** became ********",)
    save(root, config="token = 'hunter4'\nname = 'b'")
    assert len(good(load(source, publish(first), first.files).candidate).summary) == 2
    assert "ValueError: ********" in caplog.text
    assert "hunter" not in caplog.text


class Bag(BaseModel):
    model_config = ConfigDict(frozen=True)

    tables: dict[str, dict[str, str | list[str]]] = {}
    items: list[dict[str, str]] = []


@pytest.mark.parametrize(
    "now",
    ["", "tables = {a = {password = 'hunter2', plain = 'y'}}", "tables = {a = {password = 'hunter7'}}", "items = []"],
)
def test_a_telling_cannot_give_away_what_was_secret_before(root, now):
    """Whether it was removed, changed or stayed, at any depth, and under a name that is masked itself."""
    written = "\n".join(
        [
            "items = [{token = 'hunter4'}, {url = 'http://me:hunter5@host'}]",
            "[tables.a]\npassword = 'hunter2'\nplain = 'x'",
            "[tables.'http://u:hunter6@host']\ntoken = ['hunter3']",
        ]
    )
    schema = Schema(Bag, describe=lambda old, new, changes: [f"{old!r} {new!r}"])
    source = Options(save(root, config=written).path, schema)
    first = load(source)
    save(root, config=now or "# nothing")
    (line,) = good(load(source, publish(first), first.files).candidate).summary
    assert "hunter" not in line.replace("hunter6", "")  # a key is no value, and is masked where it is a URL's
    assert "********" in line


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(3)])
def test_a_telling_that_raises_is_logged_and_replaced(root, caplog, error):
    """The lines are a courtesy: a reload does not fail over them."""

    def describe(old, new, changes):
        raise error

    first = load(save(root, config="name = 'a'"))
    source = Options(save(root, config="name = 'b'").path, Schema(Config, describe=describe))
    assert good(load(source, publish(first), first.files).candidate).summary == ('name: "a" → "b"',)
    (record,) = caplog.records
    assert record.getMessage().startswith("describe raised; the changes are listed one by one\n    Traceback")


def test_a_log_that_raises_is_no_failure(root, monkeypatch):
    """An application's handlers and filters are users' code as well."""

    def refuse(record):
        raise SystemExit

    def describe(old, new, changes):
        raise ValueError

    monkeypatch.setattr(logging.getLogger("hotconf.reload"), "filters", [refuse])
    first = load(save(root, config="name = 'a'"))
    source = Options(save(root, config="name = 'b'").path, Schema(Config, describe=describe))
    assert good(load(source, publish(first), first.files).candidate).summary == ('name: "a" → "b"',)


def test_turning_hot_reload_off_is_told(root):
    """It is the last change that will be noticed."""
    first = load(save(root, config="name = 'a'"))
    source = save(root, config="name = 'a'\n[hot_reload]\nenabled = false")
    made = good(load(source, publish(first), first.files).candidate)
    assert made.summary[-1] == "Hot reload is off: edits are not noticed until a restart"
    assert not made.settings.enabled


def test_pinned_settings_stand_over_the_file(root):
    """What the program fixed, the file cannot change; the rest follows the file."""
    text = "[hot_reload]\nenabled = false\ndebounce_ms = 300\nwatch_paths = ['a.toml']"
    path = save(root, config=text, a="name = 'a'", b="name = 'b'").path
    pins = PinnedSettings(enabled=True, watch_paths=("b.toml",), mode="eager")
    made = good(load(Options(path, SCHEMA, pins)).candidate)
    assert made.settings == HotReloadSettings(debounce_ms=300, watch_paths=("b.toml",), mode="eager")
    assert made.config.name == "b"


def test_a_model_without_settings_follows_the_defaults(root):
    """And its `hot_reload`, if it has one of another type, is its own affair."""

    class Plain(BaseModel):
        hot_reload: dict[str, Any] = {}

    (root / "config.toml").write_text("[hot_reload]\nwatch_paths = ['a.toml']")
    result = load(Options(root / "config.toml", Schema(Plain)))
    assert result.candidate.settings == HotReloadSettings()
    assert len(result.files.members) == 1


# Users' code


def test_checks_are_noticed(root):
    """Errors fail, warnings do not; a check that raises fails as internal."""
    path = save(root, config="name = 'x'").path

    def warn(config):
        yield Problem("odd", "name", severity="warning")

    def fail(config):
        raise RuntimeError("boom")

    assert told(load(Options(path, Schema(Config, checks=[warn]))).candidate) == [("warning", "odd", "config.toml")]
    candidate = load(Options(path, Schema(Config, checks=[warn, fail]))).candidate
    assert isinstance(candidate, Invalid)
    assert candidate.kind == "internal"
    assert "fail raised RuntimeError" in candidate.errors[0].message


def test_unchanged_files_keep_their_warnings(root):
    """What was wrong is still wrong, although nothing is validated again."""

    def warn(config):
        yield Problem("odd", "name", severity="warning")

    source = Options(save(root, config=listing("a.toml")).path, Schema(Config, checks=[warn]))
    first = load(source)
    second = load(source, publish(first), first.files)
    assert told(second.candidate) == told(first.candidate)
    assert len(told(first.candidate)) == 2


# Drift and check


def test_drift_is_a_difference_of_bytes(root):
    """From what is published, not from what was last read; touching a file is none."""
    source = save(root, config=listing("a.toml"), a="name = 'a'")
    first = load(source)
    published = publish(first)
    assert not drifted(source, published, first.files)
    os.utime(source.path)
    assert not drifted(source, published, first.files)
    save(root, a="# comment\nname = 'a'")
    assert drifted(source, published, first.files)
    assert drifted(source, published, load(source).files)
    save(root, a="broken")
    assert drifted(source, published, first.files)
    (root / "a.toml").unlink()
    assert drifted(source, published, first.files)
    save(root, a="name = 'a'")
    assert not drifted(source, published, first.files)
    assert drifted(source, None, first.files)


# Secrets


def test_no_secret_in_any_repr(root):
    """Whatever value of a load ends up in a traceback, a log or a debugger: no content of the files in it."""

    class Free(BaseModel):
        server: dict[str, Any] = {}
        token: SecretStr = SecretStr("")

    planted = "hunter2-planted"
    text = f"token = '{planted}'\n[server]\nport = 1\npassword = '{planted}'\n"
    source = Options(save(root, config=text).path, Schema(Free))
    first = load(source)
    published = publish(first)
    values: list[object] = [source, first.files, *first.files.reads.values(), *first.files.documents]
    values += [*published.files, published.origins]
    save(root, config=text.replace("hunter2", "hunter3").replace("port = 1", "port = 2"))
    second = load(source, published, first.files)
    made = second.candidate
    assert isinstance(made, Valid)
    values += [made.changes, made.summary, made.warnings, made.files, second.files]
    assert len(made.changes) == 3
    assert "planted" not in repr(values)
    assert "planted" in repr(made.config)  # the model's own affair: it is the `dict` that shows it


@pytest.mark.parametrize(
    "text",
    [
        "token = 'hunter2",
        "token = hunter2",
        "token = ['hunter2']",
        "token = 'hunter2'\ntoken = 'hunter2'",
        "token = {a = 'hunter2'}",
        "[hot_reload]\ndebounce_ms = 'hunter2'\ntoken = 'hunter2'",
        "api_key = 'hunter2'\nname = 1",
    ],
)
def test_no_secret_in_any_problem(root, text):
    """Neither in what is told nor in the repr of what tells it."""
    result = load(save(root, config=text))
    assert isinstance(result.candidate, Invalid)
    assert "hunter2" not in repr(result)
    assert not any("hunter2" in str(problem) for problem in result.candidate.problems)


def test_no_secret_where_a_validator_repeats_it(root):
    """The text of a user's validator is not shown for a secret key."""

    class Strict(BaseModel):
        password: str

        @field_validator("password")
        @classmethod
        def refuse(cls, value: str) -> str:
            raise ValueError(f"{value} is too short")

    result = load(Options(save(root, config="password = 'hunter2'").path, Schema(Strict)))
    assert isinstance(result.candidate, Invalid)
    assert "hunter2" not in repr(result)


# Files that everybody may write


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_file_that_everybody_may_write_is_a_warning(root):
    """Of each file of the configuration, with the mode and the way out; it never fails a load."""
    source = save(root, config='[hot_reload]\nwatch_paths = ["a.toml", "b.toml"]\n', a='name = "x"\n', b="")
    (root / "config.toml").chmod(0o646)
    (root / "a.toml").chmod(0o602)
    (root / "b.toml").write_text("# nothing\n")
    found = load(source).candidate
    assert isinstance(found, Valid)
    assert [(each.file.name, each.kind, each.message, each.hint) for each in found.warnings] == [
        (
            name,
            "exposed",
            f"Every user can write to the file (mode {mode})",
            f"chmod o-w {root / name}",
        )
        for name, mode in (("config.toml", "0646"), ("a.toml", "0602"))
    ]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_the_warning_follows_the_mode_while_the_content_stays(root):
    """Taking the permission away is no change of the configuration, and ends the warning; giving it begins one."""
    source = save(root, config='name = "x"\n')
    first = load(source)
    (root / "config.toml").chmod(0o666)
    exposed = load(source, publish(first), first.files)
    assert exposed.candidate.unchanged
    assert [warning.kind for warning in exposed.candidate.warnings] == ["exposed"]
    (root / "config.toml").chmod(0o600)
    mended = load(source, publish(exposed), exposed.files)
    assert mended.candidate.unchanged
    assert mended.candidate.warnings == ()


# Contents in place of files


def test_bytes_can_stand_in_for_a_file(root):
    """They are judged as the file would be, with the fragments that they name; the disk is left alone."""
    source = save(root, config='name = "disk"\n', a="[server]\nport = 5\n")
    text = b'name = "edit"\n[hot_reload]\nwatch_paths = ["a.toml"]\n'
    found = load(source, instead={source.path: text}).candidate
    assert isinstance(found, Valid)
    assert (found.config.name, found.config.server.port) == ("edit", 5)
    assert (root / "config.toml").read_text() == 'name = "disk"\n'


def test_bytes_can_stand_in_for_a_file_that_is_not_there(root):
    """A fragment, or the main file itself."""
    source = Options(root / "config.toml", SCHEMA)
    found = load(source, instead={source.path: b'name = "edit"\n'}).candidate
    assert isinstance(found, Valid)
    assert found.config.name == "edit"
