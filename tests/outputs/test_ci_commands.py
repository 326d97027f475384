"""In the log of a CI system no user's text that our commands print is taken for a command of that system."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import tomli

from outputs.hostile import BEFORE, PLAIN, SCHEMA, escaped, raw
from outputs.scene import OUTPUTS, Scene
from torture.extent import FULL, some

COMMANDS = (
    "::add-mask::x",
    "::warning::x",
    " \t::error file=a::x",
    "::set-output name=a::b",
    "::stop-commands::x",
    ":::group::x",
    "##[error]x",
    "a ##[add-mask]x",
    "###[x]##vso[task.setvariable variable=a]b",
    "##teamcity[x]",
)
OURS = (
    *("check", "show", "explain", "env", "diff ", "plan", "doctor"),
    *("history", "rollback", "init", "schema", "watch", "status", "reload"),
)
TELLING = [name for name in OUTPUTS if f"{name} ".startswith(OURS)]
"""Those of the commands; programs print the library's messages themselves."""
SYSTEMS = ("GITHUB_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION")
SLOW = {"watch", "watch as json"}


def taken_for_commands(text: str) -> list[str]:
    """The lines that the runners act on: GitHub's `ActionCommand.TryParseV2` and `TryParse`, and those of others."""
    lines = re.split(r"\r\n|\r|\n", text)
    return [line for line in lines if line.strip().startswith("::") or re.search(r"##\w*\[", line)]


def saves() -> dict[str, str]:
    """Contents in which they stand everywhere: in a line, at the beginning of one, in keys, in comments."""
    found = {}
    block = "\n".join(COMMANDS)
    found["lines"] = f"name = '''\n{block}\n'''\n[free]\na = '''\n{block}\n'''\n"
    found["comments"] = "name = 'x'\n" + "".join(f"#{command}\n{command} # {command}\n" for command in COMMANDS[6:7])
    found["remarks"] = "name = 'x'\n" + "".join(f"##[error]{number}\n" for number in range(3))
    for number, command in enumerate(COMMANDS):
        e, r = escaped(command), raw(command)
        found[f"values {number}"] = f"name = {e}\nnames = [{r}]\n[free]\n{r} = {e}\n[parts.{r}]\nlevel = 'high'\n"
        found[f"problems {number}"] = f"level = {e}\n{r} = 1\n[parts.{r}]\nlevel = {r}\n"
        found[f"a check {number}"] = f"name = {e}\nnumber = 1\n"
        found[f"a check that raises {number}"] = f"name = {e}\nnumber = 2\n"
        found[f"a syntax error {number}"] = f"name = 'x'\n{command}\n"
    return found


SAVES = saves()
BESIDE = {"lines": SAVES["lines"].replace(f"{COMMANDS[3]}\n", f"{COMMANDS[3]}\nx\n{COMMANDS[3]}\n")}
"""The file before; by default it has no commands. In a diff they follow a space."""


def chosen(name: str) -> list[str]:
    """All of them in full."""
    if FULL:
        return list(SAVES)
    return ["lines", "values 7"] if name in SLOW else ["lines", "remarks", "values 0", "problems 7"]


@pytest.mark.parametrize(("name", "save"), [(name, save) for name in TELLING for save in chosen(name)])
def test_contents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, save: str) -> None:
    """In keys, values, comments and messages, through each command in each format, on stdout and stderr."""
    monkeypatch.setenv(SYSTEMS[len(save) % len(SYSTEMS)], "true")
    schema, word = (PLAIN, "PLAIN") if save in ("lines", "remarks") else (SCHEMA, "SCHEMA")
    before = BESIDE.get(save, BEFORE).encode()
    scene = Scene(tmp_path / "config.toml", schema, f"outputs.hostile:{word}", before, SAVES[save].encode())
    scene.lay()
    told = taken_for_commands(OUTPUTS[name](scene))
    if name == "check as github":
        assert all(re.match(r"::(error|warning) title=hotconf", line) for line in told), told
    else:
        assert told == []


@pytest.mark.parametrize("name", [name for name in TELLING if name not in SLOW])
@pytest.mark.parametrize(
    "file", some(["::error::x.toml", "##[error]x.toml", " ::add-mask::x.toml", "##vso[x]y.toml"], 2)
)
def test_names_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, file: str) -> None:
    """Relative, so that a line may begin with one."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.chdir(tmp_path)
    after = b"number = 'x'\nunknown = 1\n"
    scene = Scene(Path(file), SCHEMA, "outputs.hostile:SCHEMA", BEFORE.encode(), after)
    scene.lay()
    told = taken_for_commands(OUTPUTS[name](scene))
    if name == "check as github":
        assert all(re.match(r"::(error|warning) title=hotconf", line) for line in told), told
    else:
        assert told == []


@pytest.mark.parametrize("argument", ["::error::x", "a\n::error::x", "##[error]x", "--a\n ::error::x", "--##[x]"])
@pytest.mark.parametrize(
    "command", [["{}"], ["check", "{}"], ["check", "x", "--format", "{}"], ["show", "x", "--key", "{}"]]
)
def test_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], argument: str) -> None:
    """Usage errors quote the arguments."""
    from click.testing import CliRunner

    from hotconf.cli.app import hotconf

    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").write_text("model = 'a'\n")
    result = CliRunner().invoke(hotconf, [part.format(argument) for part in command])
    assert result.exit_code == 2
    assert taken_for_commands(result.output) == []


def test_every_command_is_among_them() -> None:
    """Each but the app, which does not run in CI, and those that need etcd: `fleet/test_commands.py` has them."""
    from hotconf.cli.app import _COMMANDS

    assert {name.split()[0].strip(",") for name in TELLING} == set(_COMMANDS) - {"run", "completion", "fleet"}


def test_outside_of_ci_nothing_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """People can still read the text; and the test itself can fail."""
    for system in SYSTEMS:
        monkeypatch.delenv(system, raising=False)
    before = BESIDE["lines"].encode()
    scene = Scene(tmp_path / "c.toml", PLAIN, "outputs.hostile:PLAIN", before, SAVES["lines"].encode())
    scene.lay()
    assert len(taken_for_commands(OUTPUTS["rollback"](scene))) > 5


def test_the_values_stay_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What programs read: the escapes of JSON and TOML mean the same."""
    told = []
    for system in ("", "true"):
        monkeypatch.setenv("GITHUB_ACTIONS", system)
        scene = Scene(tmp_path / "c.toml", PLAIN, "outputs.hostile:PLAIN", b"", SAVES["lines"].encode())
        scene.lay()
        told.append((tomli.loads(OUTPUTS["show"](scene)), json.loads(OUTPUTS["show as json"](scene))))
    assert told[0] == told[1]
