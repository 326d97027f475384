"""`hotconf diff`: values, not text; the verdict in the exit status."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from hotconf import HotReloadWatcher
from hotconf.cli.app import hotconf
from hotconf.history.store import SUPPORTED
from hotconf.speckit import SPECKIT

OLD = 'model = "a"\n[cost]\ndaily_limit_usd = 10\n'
NEW = '# other text\nmodel = "a"\n[cost]\ndaily-limit-usd = 20.0\n[hot_reload]\ndebounce_ms = 500\n'


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory with two configurations."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.toml").write_text(OLD)
    (tmp_path / "new.toml").write_text(NEW)
    return tmp_path


def diff(*arguments):
    """Run the command."""
    return CliRunner().invoke(hotconf, ["diff", "--schema", "speckit", *map(str, arguments)])


def test_each_change_and_how_it_would_be_told(here):
    """By key path, old and new; then the summary."""
    result = diff("old.toml", "new.toml")
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout == (
        "cost.daily_limit_usd: 10.0 → 20.0\n"
        "hot_reload.debounce_ms: 2000 → 500\n"
        "\n"
        "- Cost limits changed ($10/day → $20/day)\n"
        "- hot_reload.debounce_ms: 2000 → 500\n"
    )


def test_a_summary_that_says_the_same_is_not_said(here):
    """Where the schema has no words of its own, the changes are the summary."""
    (here / "diff_schema_a.py").write_text("import pydantic\nclass Own(pydantic.BaseModel):\n    port: int = 1\n")
    (here / "a.toml").write_text("port = 1\n")
    (here / "b.toml").write_text("port = 2\n")
    assert diff("a.toml", "b.toml", "--schema", "diff_schema_a:Own").stdout == "port: 1 → 2\n"


@pytest.mark.parametrize("text", [OLD, "# a comment\n" + OLD, OLD.replace("_", "-"), OLD + "alert_threshold = 0.8\n"])
def test_other_text_with_the_same_values_is_the_same(here, text):
    """Comments, spelling, and defaults that are written."""
    (here / "new.toml").write_text(text)
    result = diff("old.toml", "new.toml")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "No value differs\n")


def test_each_has_its_own_fragments(here):
    """Beside it; they count."""
    for name, limit in (("a", 1), ("b", 2)):
        (here / name / "more").mkdir(parents=True)
        (here / name / "config.toml").write_text('[hot_reload]\nwatch_paths = ["more"]\n')
        (here / name / "more/x.toml").write_text(f"[cost]\ndaily_limit_usd = {limit}\n")
    result = diff("a/config.toml", "b/config.toml")
    assert result.exit_code == 1
    assert result.stdout.startswith("cost.daily_limit_usd: 1.0 → 2.0\n")


@pytest.mark.parametrize("text", [None, "x = [\n", "[cost]\ndaily_limit_usd = -1\n"])
@pytest.mark.parametrize("order", [("old.toml", "bad.toml"), ("bad.toml", "old.toml")])
def test_trouble_is_neither_same_nor_different(here, text, order):
    """What is missing or not valid cannot be compared: the problems on stderr, status 2."""
    if text is not None:
        (here / "bad.toml").write_text(text)
    result = diff(*order)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error[")
    assert "--> bad.toml" in result.stderr


def test_secrets_are_masked(here):
    """That one changed is told, not what it was or is."""
    for name, secret in (("old", "hunter2-a"), ("new", "hunter2-b")):
        (here / f"{name}.toml").write_text(f'[mcp_servers.x]\napi_key = "{secret}"\nurl = "http://u:{secret}@h"\n')
    text, told = diff("old.toml", "new.toml"), diff("old.toml", "new.toml", "--json")
    assert text.exit_code == told.exit_code == 1
    assert "mcp_servers.x.api_key: changed (secret)" in text.stdout
    assert "hunter2" not in text.output + told.output


def test_json_for_programs(here):
    """Also where nothing differs."""
    told = json.loads(diff("old.toml", "new.toml", "--json").stdout)
    assert told["same"] is False
    assert told["changes"][0] == {"path": "cost.daily_limit_usd", "old": 10.0, "new": 20.0}
    assert told["summary"][0] == "Cost limits changed ($10/day → $20/day)"
    same = diff("old.toml", "old.toml", "--json")
    assert same.exit_code == 0
    assert json.loads(same.stdout) == {"same": True, "changes": [], "summary": [], "restart_required": []}


def test_the_output_cannot_harm_a_terminal(here):
    """Control characters and bidirectional overrides are escapes."""
    (here / "new.toml").write_text('model = "\\u001b[2J\\u202e"\n[mcp_servers."\\u001b[31m"]\nx = 1\n')
    assert not set("\x1b\u202e") & set(diff("old.toml", "new.toml").output)


# States that are kept


@pytest.fixture
def kept(here, monkeypatch):
    """The configuration of a home directory with three states that are kept: 10, 20 and 30 dollars."""
    if not SUPPORTED:
        pytest.skip("states are kept on POSIX only")
    home = here / "home"
    home.mkdir()
    monkeypatch.setenv("CODE_HOME", str(home))
    path = home / "config.toml"
    path.write_text("[cost]\ndaily_limit_usd = 10\n")
    with HotReloadWatcher(path, SPECKIT, debounce_ms=0, state_dir=home / ".hotconf") as watcher:
        for limit in (20, 30):
            path.write_text(f"[cost]\ndaily_limit_usd = {limit}\n")
            watcher.reload()
    return path


def test_kept_states_can_be_compared(kept):
    """With each other, and with the file as it is now, in either order."""
    assert diff("@1", "@2").stdout.startswith("cost.daily_limit_usd: 10.0 → 20.0\n")
    assert diff("@1", kept).stdout.startswith("cost.daily_limit_usd: 10.0 → 30.0\n")
    assert diff(kept, "@2").stdout.startswith("cost.daily_limit_usd: 30.0 → 20.0\n")
    assert diff("@3", kept).exit_code == 0


def test_the_history_is_that_of_the_other_file(kept, here):
    """Of a file whose states are kept elsewhere, too."""
    path = here / "old.toml"
    with HotReloadWatcher(path, SPECKIT, state_dir=here / "states"):
        pass
    path.write_text("[cost]\ndaily_limit_usd = 5\n")
    result = diff("@1", "old.toml", "--state-dir", "states")
    assert result.stdout.startswith('model: "a" → "gpt-5"\n'), result.stderr


@pytest.mark.parametrize("number", ["@9", "@99999999999999999999999"])
def test_a_state_that_is_not_kept_is_trouble(kept, number):
    """Said so; a number that cannot be one is the name of a file."""
    result = diff(number, kept)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr


def test_a_state_that_is_not_valid_any_more_is_trouble(kept, here):
    """It is judged by the schema and the checks of today, and shown with its own text."""
    (here / "diff_schema_b.py").write_text("import pydantic\nclass Own(pydantic.BaseModel):\n    cost: int\n")
    (here / "b.toml").write_text("cost = 1\n")
    result = diff("@1", kept, "--schema", "diff_schema_b:Own")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("State 1 is no longer valid:\nerror[schema]: Type mismatch: cost")
    assert "1 │ [cost]" in result.stderr


def test_a_file_with_such_a_name_can_be_meant(here):
    """By a path that does not begin with @."""
    (here / "@1").write_text(NEW)
    assert diff("old.toml", "./@1").exit_code == 1


def test_no_secret_of_a_kept_state_is_shown(kept):
    """Neither as a change, nor in the source of what is no longer valid."""
    kept.write_text('[mcp_servers.x]\ntoken = "hunter2-a"\n')
    with HotReloadWatcher(kept, SPECKIT, debounce_ms=0, state_dir=kept.parent / ".hotconf"):
        pass
    kept.write_text('[mcp_servers.x]\ntoken = "hunter2-b"\n')
    result = diff("@4", kept)
    assert (result.exit_code, result.stdout.splitlines()[0]) == (1, "mcp_servers.x.token: changed (secret)")
    assert "hunter2" not in result.output


def test_json_is_complete_however_much_there_is(here):
    """Thousands of new tables, and the one changed item among thousands: nothing is left out or made up."""
    args = [f"a{n}" for n in range(12_000)]
    agent = '[[agents]]\nname = "a"\ncommand = "a"\nargs = {}\n'
    profiles = "".join(f'[profiles.p{n}]\nmodel = "m"\n' for n in range(4_000))
    (here / "old.toml").write_text(agent.format(json.dumps(args)))
    (here / "new.toml").write_text(agent.format(json.dumps([*args[:-1], "z"])) + profiles)
    result = diff("old.toml", "new.toml", "--json")
    changes = {change["path"]: change for change in json.loads(result.stdout)["changes"]}
    assert changes["agents[0].args"] == {"path": "agents[0].args", "old": args, "new": [*args[:-1], "z"]}
    assert list(changes["profiles"]["new"]) == [f"p{n}" for n in range(4_000)]
    assert "cut" not in changes["profiles"]
    text = diff("old.toml", "new.toml").stdout
    old, _, new = text.splitlines()[0].removeprefix("agents[0].args: ").partition(" → ")
    assert (json.loads(old), json.loads(new)) == (args, [*args[:-1], "z"])  # in a pipe, so is the text


MARKED = """
from typing import Annotated
from pydantic import BaseModel, SecretStr
from hotconf import RestartRequired
class Tls(BaseModel):
    cert: Annotated[str, RestartRequired()]
class Own(BaseModel):
    port: Annotated[int, RestartRequired()] = 1
    key: Annotated[SecretStr | None, RestartRequired()] = None
    limit: int = 1
    tls: Tls | None = None
"""


def test_changes_that_need_a_restart_are_marked(here):
    """In `diff`, in `plan`, which says what would wait, in `show` and `init`; no secret shows."""
    (here / "restart_schema.py").write_text(MARKED)
    (here / "a.toml").write_text("port = 1\n")
    (here / "b.toml").write_text('port = 2\nlimit = 2\nkey = "s3cr3t-value"\n[tls]\ncert = "x"\n')

    def run(*arguments):
        result = CliRunner().invoke(hotconf, [*arguments, "--schema", "restart_schema:Own"])
        assert "s3cr3t" not in result.output
        return result

    assert run("diff", "a.toml", "b.toml").stdout.splitlines() == [
        "port: 1 → 2 (restart required)",
        "key: none → ******** (restart required)",
        "limit: 1 → 2",
        'tls: none → {cert = "x"} (restart required)',
    ]
    told = json.loads(run("diff", "a.toml", "b.toml", "--json").stdout)
    assert told["restart_required"] == ["port", "key", "tls"]
    planned = run("plan", "b.toml", "a.toml").stdout
    assert planned.startswith("limit: 1 → 2\n\n✅")
    assert "   ↻ Restart required: port: 1 → 2\n" in planned
    told = json.loads(run("plan", "b.toml", "a.toml", "--json").stdout)
    assert [change["path"] for change in told["changes"]] == ["limit"]
    assert [change["path"] for change in told["pending_restart"]] == ["port", "key", "tls"]
    assert "port = 1          # a.toml:1, restart required\n" in run("show", "a.toml").stdout
    assert json.loads(run("show", "a.toml", "--json").stdout)["restart_required"] == ["port", "key", "tls"]
    run("init", "fresh.toml")
    assert "# Integer. A change needs a restart.\nport = 1\n" in (here / "fresh.toml").read_text()
    schema = json.loads(run("schema").stdout)
    assert [key for key, node in schema["properties"].items() if "x-restart-required" in node] == ["port", "key"]
    assert schema["$defs"]["Tls"]["properties"]["cert"]["x-restart-required"] is True
    assert run("check", "b.toml").exit_code == 0
