"""`Flags`: which options count, their values, and how people write them."""

from __future__ import annotations

import argparse
from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from hotconf import ConfigError, Flags, HotReloadWatcher, UsageError

SECRET = "hunter2-hunter2"


class Server(BaseModel, frozen=True):
    model_config = ConfigDict(strict=True)

    host: str = "localhost"
    port: int = 80


class App(BaseModel, frozen=True):
    model_config = ConfigDict(strict=True)

    server: Server = Server()
    ids: Annotated[tuple[int, ...], Field(strict=False)] = ()
    ratio: float = 1.0
    password: SecretStr = SecretStr("")


def said(flags: Flags) -> dict[str, tuple[Any, str]]:
    """By name the values, and where they are."""
    return {name: (value, origin.where) for name, (value, origin) in flags.read().texts.items()}


@pytest.fixture
def parser() -> ArgumentParser:
    """As a program has it."""
    made = ArgumentParser(prog="app", exit_on_error=True)
    made.add_argument("--port", "-p", dest="server__port", type=int, default=8000)
    made.add_argument("--server.host", default="0.0.0.0")
    made.add_argument("--config")
    return made


@pytest.fixture
def main(tmp_path: Path) -> Path:
    """A configuration."""
    path = tmp_path / "config.toml"
    path.write_text('[server]\nhost = "file"\nport = 1\n')
    return path


def test_only_options_that_were_given_count(parser: ArgumentParser, main: Path) -> None:
    """With the very value of the default, too; defaults of the parser do not hide the file."""
    flags = Flags.parse(parser, ["--port", "8000", "--config", "x"])
    assert said(flags) == {"server__port": (8000, "--port"), "config": ("x", "--config")}
    with HotReloadWatcher(main, App, layers=[flags]) as watcher:
        assert watcher.config.server == Server(host="file", port=8000)
        answers = [(each.origin.where, each.value) for each in watcher.snapshot.explain("server.port")]
        assert answers == [("--port", 8000), ("config.toml:3:8", 1)]
        assert watcher.warnings == ()


def test_they_are_read_from_the_process(parser: ArgumentParser, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `parse_args` does it."""
    monkeypatch.setattr("sys.argv", ["app", "-p7"])
    assert said(Flags.parse(parser)) == {"server__port": (7, "--port")}


@pytest.mark.parametrize("argv", [["--help"], ["--prot", "1"], ["--port", "x"]])
def test_it_ends_as_the_parser_does(
    parser: ArgumentParser, argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """With the same words, and the parser is as it was."""
    texts = []
    for parse in (parser.parse_args, lambda argv: Flags.parse(parser, argv)):
        with pytest.raises(SystemExit) as raised:
            parse(argv)
        texts.append((raised.value.code, *capsys.readouterr()))
    assert texts[0] == texts[1]
    assert parser.parse_args([]) == Namespace(**{"server__port": 8000, "server.host": "0.0.0.0", "config": None})


def test_options_of_subcommands_count() -> None:
    """But not their defaults, which argparse puts over options that were given before."""
    parser = ArgumentParser()
    parser.add_argument("--port", type=int, default=1)
    below = parser.add_subparsers(dest="command").add_parser("serve", aliases=["s"])
    below.add_argument("--port", type=int, default=2)
    below.add_argument("--workers", type=int, default=4)
    below.set_defaults(func=print)
    given = said(Flags.parse(parser, ["--port", "3", "s", "--workers", "4"]))
    assert given == {"port": (3, "--port"), "command": ("s", "command"), "workers": (4, "--workers")}


class Pairs(argparse.Action):
    """An action of the program's own, which relies on its default."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        key, _, value = values.partition("=")
        setattr(namespace, self.dest, {**getattr(namespace, self.dest), key: value})


OPTIONS: dict[str, tuple[dict[str, Any], list[list[str]], str]] = {
    "store": ({"default": "a"}, [["--store", "a"], ["--store=b"], ["--sto", "c"]], "--store"),
    "number": ({"type": int, "default": 4}, [["--number", "4"], ["--number=5"]], "--number"),
    "many": ({"nargs": "*", "default": ["a"]}, [["--many"], ["--many", "a"]], "--many"),
    "some": ({"nargs": "?", "const": "c", "default": "d"}, [["--some"], ["--some", "d"]], "--some"),
    "on": ({"action": "store_true"}, [["--on"]], "--on"),
    "const": ({"action": "store_const", "const": None, "default": 1}, [["--const"]], "--const"),
    "tags": ({"action": "append", "default": ["d"]}, [["--tags", "a"], ["--tags", "a", "--tags", "b"]], "--tags"),
    "more": ({"action": "extend", "nargs": "+"}, [["--more", "a", "b"]], "--more"),
    "loud": ({"action": "count", "default": 1}, [["--loud"], ["--loud", "--loud"]], "--loud"),
    "fast": ({"action": BooleanOptionalAction, "default": True}, [["--no-fast"]], "--no-fast"),
    "pairs": ({"action": Pairs, "default": {"x": "1"}}, [["--pairs", "y=2"]], "--pairs"),
}
POSITIONALS: dict[str, dict[str, Any]] = {
    "one": {},
    "maybe": {"nargs": "?", "type": int, "default": 4},
    "text": {"nargs": "?", "default": "a"},
    "rest": {"nargs": "*", "default": ["a"]},
    "free": {"nargs": "*"},
}


@given(
    st.fixed_dictionaries({}, optional={name: st.sampled_from(ways) for name, (_, ways, _) in OPTIONS.items()}),
    st.sampled_from([None, *POSITIONALS]),
    st.booleans(),
    st.booleans(),
)
def test_what_argparse_finds_is_what_counts(
    chosen: dict[str, list[str]], positional: str | None, filled: bool, nested: bool
) -> None:
    """Whatever its action: the value is that of argparse, and what was not given is not there."""
    parser = ArgumentParser()
    inner = parser.add_subparsers(dest="command").add_parser("go") if nested else parser
    for name, (how, _, _) in OPTIONS.items():
        inner.add_argument(f"--{name}", **how)
    if positional is not None:
        inner.add_argument(positional, **POSITIONALS[positional])
    filled = filled or positional == "one"
    before = [vars(action).copy() for action in inner._actions]
    argv = ["go"] * nested + (["4"] if positional and filled else [])
    argv += [part for way in chosen.values() for part in (*way, *(["--on"] if way[0] == "--many" else []))]
    names = {*chosen, *(["on"] if "many" in chosen else [])}
    found = said(Flags.parse(parser, argv))
    expected = {name: (vars(parser.parse_args(argv))[name], OPTIONS[name][2]) for name in names}
    if positional and filled:
        expected[positional] = (vars(parser.parse_args(argv))[positional], positional)
    if nested:
        expected["command"] = ("go", "command")
    assert found == expected
    assert [vars(action) for action in inner._actions] == before


class Colour(Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        (Path("a/b"), "a/b"),
        (Colour.RED, "red"),
        (Decimal("1.5"), "1.5"),
        ((1, (2, Path("x"))), [1, [2, "x"]]),
        ({"a": Colour.RED}, {"a": "red"}),
    ],
)
def test_values_become_what_files_hold(given: object, plain: object) -> None:
    """Where that is sure."""
    assert said(Flags({"x": given})) == {"x": (plain, "flags[x]")}


def test_what_is_none_was_not_given() -> None:
    """As argparse and click have it."""
    assert said(Flags(Namespace(a=None, b=0, c=""))) == {"b": (0, "flags[b]"), "c": ("", "flags[c]")}


def test_names_of_a_namespace_without_a_field_are_ignored(main: Path) -> None:
    """A program has other options, too, whatever their values are."""
    flags = Flags(Namespace(config="x", log=object(), server__port="7", ids=["1", 2]))
    with HotReloadWatcher(main, App, layers=[flags]) as watcher:
        assert (watcher.config.server.port, watcher.config.ids) == (7, (1, 2))
        assert watcher.warnings == ()


def test_names_of_a_mapping_without_a_field_are_refused(main: Path) -> None:
    """They are the program's mistake."""
    with pytest.raises(UsageError, match=r"^flags\[passwrod\]: Unknown key: passwrod \(did you mean password\?\)$"):
        HotReloadWatcher(main, App, layers=[Flags({"passwrod": SECRET})])
    with pytest.raises(UsageError, match=r"^flags\[server.prt\]: Unknown key: server.prt"):
        HotReloadWatcher(main, App, layers=[Flags({"server.prt": 1})])


def test_names_of_a_mapping_may_be_free(main: Path) -> None:
    """Where the model keeps any key."""

    class Open(BaseModel, frozen=True, extra="allow"):
        pass

    with HotReloadWatcher(main, Open, layers=[Flags({"any": 1})]) as watcher:
        assert watcher.config.model_extra is not None
        assert watcher.config.model_extra["any"] == 1


def test_names_are_found_once_the_model_is_complete(main: Path) -> None:
    """At the start, if pydantic builds it no sooner."""

    class Later(BaseModel, frozen=True, defer_build=True):
        inner: Server | None = None

    watcher = HotReloadWatcher(main, Later, layers=[Flags({"inenr": 1})])
    with pytest.raises(ConfigError, match=r"flags\[inenr\]: Unknown key: inenr \(did you mean inner\?\)"):
        watcher.start()


def test_every_wrong_option_is_a_problem(main: Path) -> None:
    """With its text, if that is no secret."""
    flags = Flags({"server": {"port": 7}, "ratio": "much", "ids": ["x"], "password": ["a"]})
    with pytest.raises(ConfigError) as raised:
        HotReloadWatcher(main, App, layers=[flags]).start()
    assert sorted(str(raised.value).splitlines(), reverse=True) == [
        'flags[ratio]: Type mismatch: ratio expected float, got "much"',
        "flags[password]: Type mismatch: password expected string, got array",
        'flags[ids]: Type mismatch: ids[0] expected integer, got "x"',
    ]


def test_a_value_that_no_file_holds_is_a_problem(main: Path) -> None:
    """If the model has a field for it."""
    with pytest.raises(ConfigError, match=r"^flags\[ratio\]: ratio is of type object: give what a file can hold$"):
        HotReloadWatcher(main, App, layers=[Flags({"ratio": object()})]).start()


def test_two_spellings_of_one_key_are_refused(main: Path) -> None:
    """In whatever way they are written."""
    with pytest.raises(UsageError, match=r"flags\[server__port\] and flags\[server.port\] are the same"):
        Flags({"server.port": 1, "server__port": 2})
    with pytest.raises(ConfigError, match="Key given twice: ratio is the same as"):
        HotReloadWatcher(main, App, layers=[Flags({"ratio": 1, "RATIO": 2})]).start()
    with HotReloadWatcher(main, App, layers=[Flags({"ratio": 2.0, "RATIO": 2.0})]) as watcher:
        assert watcher.config.ratio == 2


@pytest.mark.parametrize("wrong", [1, "--port", ["--port"], None, Namespace, lambda: None, {1: 2}])
def test_what_are_no_options_is_refused(wrong: Any) -> None:
    """At once."""
    with pytest.raises(UsageError, match="Flags"):
        Flags(wrong)


def test_no_value_shows() -> None:
    """In a `repr`."""
    assert SECRET not in repr(Flags({"password": SECRET})) + repr(Flags({"password": SECRET}).read())
