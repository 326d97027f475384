"""`hotconf plan`: what an edit would do, with nothing touched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from hotconf.cli.app import hotconf

NOW = "[cost]\ndaily_limit_usd = 10\n"
EDIT = "[cost]\ndaily_limit_usd = 20\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory with a configuration in one place and an edit of it in another."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODE_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "home/config.toml").write_text(NOW)
    (tmp_path / "edit.toml").write_text(EDIT)
    return tmp_path


def plan(*arguments, stdin=None):
    """Run the command."""
    return CliRunner().invoke(hotconf, ["plan", "--schema", "speckit", *map(str, arguments)], input=stdin)


def test_what_would_change_and_how_it_would_be_told(here):
    """The values, the notification, and when it takes effect."""
    result = plan("edit.toml")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "cost.daily_limit_usd: 10.0 → 20.0\n"
        "\n"
        "✅ Would be accepted\n"
        "   - Cost limits changed ($10/day → $20/day)\n"
        "\n"
        "- takes effect once nothing has changed for 2000 ms\n"
    )


def test_nothing_is_touched(here):
    """Neither file changes, and no file appears."""
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in here.rglob("*.toml")}
    plan("edit.toml")
    plan("-", stdin="x = [")
    assert {
        path: (path.read_bytes(), path.stat().st_mtime_ns) for path in here.rglob("*") if path.is_file()
    } == before


def test_an_edit_that_would_be_refused(here):
    """Its problems at their places in FILE, and what the program would say; status 1."""
    (here / "edit.toml").write_text("[cost]\ndaily_limit_usd = -1\n")
    result = plan("edit.toml")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].startswith("error[schema]: cost.daily_limit_usd: ")
    assert lines[1].strip() == "--> edit.toml:2:19"
    assert "2 │ daily_limit_usd = -1" in lines
    assert lines[-1] == "❌ Would be refused: the old configuration would stay"


def test_standard_input_stands_in_the_place_of_the_path(here):
    """An editor's unsaved buffer: places are those of PATH."""
    assert plan("-", stdin=EDIT).stdout == plan("edit.toml").stdout
    result = plan("-", "home/config.toml", stdin="x = [\n")
    assert result.exit_code == 1
    assert "--> home/config.toml:" in result.stdout


def test_fragments_are_looked_for_where_the_path_is(here):
    """FILE's directory has nothing to do with it; those that come and go are told."""
    (here / "home/a.toml").write_text('model = "from-a"\n')
    (here / "home/b.toml").write_text('model = "from-b"\n')
    (here / "home/config.toml").write_text('[hot_reload]\nwatch_paths = ["a.toml"]\n')
    (here / "edit.toml").write_text('[hot_reload]\nwatch_paths = ["b.toml"]\n')
    result = plan("edit.toml")
    assert 'model: "from-a" → "from-b"' in result.stdout
    assert "- watched from then on: b.toml" in result.stdout
    assert "- no longer watched: a.toml" in result.stdout


@pytest.mark.parametrize(
    ("now", "edit", "said"),
    [
        ("", "enabled = false", "- hot reload is off from then on: later edits are not noticed until a restart"),
        ("enabled = false", "", "- hot reload is off: this takes effect at the next start, or with reload()"),
        ("enabled = false", "enabled = true\ndebounce_ms = 500", "- hot reload is on from then on"),
        ("debounce_ms = 500", "debounce_ms = 900", "- takes effect once nothing has changed for 500 ms"),
        ("debounce_ms = 500", "debounce_ms = 900", "- later edits take effect once nothing has changed for 900 ms"),
        (
            'mode = "eager"',
            "debounce_ms = 900",
            "- takes effect at once if it is saved in one step, else once nothing has changed for 2000 ms",
        ),
        (
            "",
            'mode = "eager"\ndebounce_ms = 500',
            "- later edits take effect at once if they are saved in one step, "
            "else once nothing has changed for 500 ms",
        ),
    ],
)
def test_what_becomes_of_the_watching(here, now, edit, said):
    """The settings in force decide about this edit, those of the edit about later ones."""
    (here / "home/config.toml").write_text(f"[hot_reload]\n{now}\n")
    (here / "edit.toml").write_text(f"model = 'x'\n[hot_reload]\n{edit}\n")
    assert said in plan("edit.toml").stdout.splitlines()


def test_an_edit_without_effect(here):
    """Other text, the same values."""
    result = plan("-", stdin="# hello\n" + NOW)
    assert result.exit_code == 0
    assert result.stdout == "· Would change nothing (no value differs)\n"


def test_what_the_program_has_may_not_be_known(here):
    """Its file is broken by now: the edit is judged all the same, but not compared."""
    (here / "home/config.toml").write_text("x = [\n")
    result = plan("edit.toml")
    assert result.exit_code == 0
    assert result.stdout == "✅ Would be accepted\n"
    assert "is currently invalid, so the changes are unknown" in result.stderr
    told = json.loads(plan("edit.toml", "--json").stdout)
    assert (told["changes"], told["watching"]["noticed"]) == (None, None)


@pytest.mark.parametrize("missing", ["edit.toml", "home/config.toml"])
def test_a_file_that_is_not_there_is_status_two(here, missing):
    """There is nothing to tell."""
    (here / missing).unlink()
    result = plan("edit.toml", "home/config.toml")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "The file does not exist" in result.stderr
    assert missing in result.stderr


@pytest.mark.parametrize("source", ["file", "stdin"])
def test_an_edit_that_is_too_large_is_status_two(here, source):
    """Nobody waits for it to be parsed."""
    text = "# " + "x" * (1 << 20)
    (here / "edit.toml").write_text(text)
    result = plan("edit.toml") if source == "file" else plan("-", stdin=text)
    assert (result.exit_code, result.stdout) == (2, "")


def test_json_for_programs(here):
    """One object, whatever the outcome."""
    told = json.loads(plan("edit.toml", "--json").stdout)
    assert told["outcome"] == "reload_success"
    assert told["notification"][0] == "✅ Config reloaded successfully"
    assert told["changes"] == [{"path": "cost.daily_limit_usd", "old": 10.0, "new": 20.0}]
    assert (told["watching"]["after_ms"], told["watching"]["mode"]) == (2000, "settle")
    refused = plan("-", "--json", stdin="x = [\n")
    assert refused.exit_code == 1
    assert json.loads(refused.stdout)["outcome"] == "reload_failed"
    (problem,) = json.loads(refused.stdout)["problems"]
    assert Path(problem["file"]).is_absolute()
    unchanged = json.loads(plan("-", "--json", stdin=NOW).stdout)
    assert (unchanged["outcome"], unchanged["changes"]) == ("reload_unchanged", [])


def test_all_that_json_holds(here):
    """Warnings with their places, and which files would be watched from then on."""
    (here / "home/a.toml").write_text("# nothing\n")
    (here / "home/b.toml").write_text("# nothing\n")
    (here / "home/config.toml").write_text(NOW + '[hot_reload]\nwatch_paths = ["a.toml"]\n')
    (here / "edit.toml").write_text(
        "modle = 1\n" + EDIT + '[hot_reload]\nwatch_paths = ["b.toml"]\ndebounce_ms = 500\nmode = "eager"\n'
    )
    result = plan("edit.toml", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    (warning,) = found.pop("problems")
    assert (warning["message"], warning["severity"]) == ("Unknown key: modle", "warning")
    assert (warning["file"], warning["line"], warning["column"]) == (str(here / "edit.toml"), 1, 1)
    notification = found.pop("notification")
    assert notification[0] == "✅ Config reloaded successfully"
    assert set(plan("edit.toml").stdout.split("\n\n")[1].splitlines()[1:]) <= set(notification)
    assert {f"   - {line}" for line in found.pop("summary")} < set(notification)
    assert found == {
        "outcome": "reload_success",
        "pending_restart": [],
        "made": None,
        "changes": [
            {"path": "cost.daily_limit_usd", "old": 10.0, "new": 20.0},
            {"path": "hot_reload.debounce_ms", "old": 2000, "new": 500},
            {"path": "hot_reload.mode", "old": "settle", "new": "eager"},
            {"path": "hot_reload.watch_paths", "old": ["a.toml"], "new": ["b.toml"]},
            {"path": "modle", "old": None, "new": 1},
        ],
        "watching": {
            "noticed": True,
            "after_ms": 2000,
            "enabled": True,
            "debounce_ms": 500,
            "mode": "eager",
            "joining": [str(here / "home/b.toml")],
            "leaving": [str(here / "home/a.toml")],
        },
    }


def test_all_that_json_holds_of_a_refusal(here):
    """The notification, and each problem."""
    (here / "edit.toml").write_text("[cost]\ndaily_limit_usd = -1\n")
    result = plan("edit.toml", "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    (problem,) = found.pop("problems")
    assert (problem["file"], problem["line"], problem["column"]) == (str(here / "edit.toml"), 2, 19)
    assert problem["path"] == "cost.daily_limit_usd"
    assert found["notification"][-1] == "   Old configuration preserved."
    assert found.pop("notification")[0] == f"❌ Config reload failed: {found['error']}"
    assert found == {"outcome": "reload_failed", "kind": "schema", "error": found["error"]}
    assert problem["message"] in found["error"]


def test_no_secret_is_told(here):
    """Not of what is, nor of what would be, nor of what cannot be parsed."""
    (here / "home/config.toml").write_text('[mcp_servers.x]\ntoken = "hunter2-a"\n')
    for text in ('[mcp_servers.x]\ntoken = "hunter2-b"\n', 'token = "hunter2-c\n', "[cost]\ntoken = 5\n"):
        for more in ([], ["--json"]):
            assert "hunter2" not in plan("-", *more, stdin=text).output


def test_warnings_of_an_edit_are_told_with_it(here):
    """At their places in FILE."""
    (here / "edit.toml").write_text("modle = 1\n")
    result = plan("edit.toml")
    assert result.exit_code == 0
    assert '   ⚠ edit.toml:1:1: Unknown key: modle (did you mean "model"?)' in result.stdout.splitlines()


def test_nothing_is_said_twice(here):
    """What the summary says of a value in the same words stands among the values only."""
    (here / "edit.toml").write_text("[cost]\ndaily_limit_usd = 10\n[hot_reload]\ndebounce_ms = 500\n")
    lines = plan("edit.toml").stdout.splitlines()
    assert [line for line in lines if "2000 → 500" in line] == ["hot_reload.debounce_ms: 2000 → 500"]
