"""`hotconf history` and `rollback`: what was kept, and back to it, with nothing lost and nothing unasked."""

from __future__ import annotations

import errno
import importlib
import json
import os
import re
import stat
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest
from click.testing import CliRunner

from hotconf import HotReloadWatcher
from hotconf.cli import refusal
from hotconf.cli.app import hotconf
from hotconf.history import store
from hotconf.history.store import StateStore
from hotconf.speckit import SPECKIT

pytestmark = pytest.mark.skipif(not store.SUPPORTED, reason="POSIX only")

QUIET = "[validation]\ncheck_api_keys = false\ncheck_commands = false\n"
WHEN = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


def limit(amount, more=""):
    """A configuration with that limit."""
    return f"{QUIET}[cost]\ndaily_limit_usd = {amount}\n{more}"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The configuration's directory, with a file of three states: 10, 20 and 30 dollars."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODE_HOME", str(tmp_path))
    live_through(tmp_path, limit(10), limit(20), limit(30))
    return tmp_path


def live_through(home, *texts, state_dir=None):
    """An app that saw these, one after the other."""
    path = home / "config.toml"
    path.write_text(texts[0])
    with HotReloadWatcher(path, SPECKIT, debounce_ms=0, state_dir=state_dir or home / ".hotconf") as watcher:
        for text in texts[1:]:
            path.write_text(text)
            watcher.reload()


def invoke(*arguments, answer=None):
    """Run `hotconf` with `arguments`."""
    schema = [] if arguments[0] == "history" else ["--schema", "speckit"]
    return CliRunner().invoke(hotconf, [arguments[0], *schema, *map(str, arguments[1:])], input=answer)


@pytest.fixture
def terminal(monkeypatch):
    """Somebody is there to be asked."""
    monkeypatch.setattr(refusal, "can_ask", lambda: True)


# History


def test_the_newest_comes_first(home):
    """Number, when, files, size, and what changed."""
    result = invoke("history")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert re.fullmatch(rf"3  {WHEN}  1 file +87 B  Cost limits changed \(\$20/day → \$30/day\)", lines[0]), lines[0]
    assert lines[2].endswith("the oldest that is kept")
    assert len(lines) == 3


def test_as_json(home):
    """One object a line, plain ASCII."""
    result = invoke("history", "--json")
    assert result.stdout.isascii()
    newest, _, oldest = map(json.loads, result.stdout.splitlines())
    path = str(home / "config.toml")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", newest.pop("at"))
    assert newest == {
        "number": 3,
        "what": "Cost limits changed ($20/day → $30/day)",
        "files": [{"path": path, "role": "main", "size": 87}],
        "size": 87,
        "summary": ["Cost limits changed ($20/day → $30/day)"],
        "damage": None,
    }
    assert (oldest["number"], oldest["summary"]) == (1, [])


def test_what_is_damaged_is_shown_as_such(home):
    """Its number, and why; in JSON, too."""
    (StateStore(home / ".hotconf", home / "config.toml").path / "00000002.state").write_bytes(b"")
    reason = "not a state that this version of hotconf can read"
    assert invoke("history").stdout.splitlines()[1] == f"2  damaged: {reason}"
    assert json.loads(invoke("history", "--json").stdout.splitlines()[1])["damage"] == reason


def test_edits_that_nobody_watched(home):
    """The files that differ are named."""
    (home / "more.toml").write_text("[cost]\n")
    live_through(home, limit(40, '[hot_reload]\nwatch_paths = ["more.toml"]\n'))
    line = invoke("history").stdout.splitlines()[0]
    assert line.startswith("4  ")
    assert "  2 files  " in line
    assert line.endswith("edited while not watched: config.toml, +more.toml")


def test_another_file_and_another_directory(home):
    """PATH and --state-dir; where nothing is kept, that is said on stderr."""
    result = invoke("history", "other.toml")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"No state of {home}/other.toml is kept in {home}/.hotconf\n"
    live_through(home, limit(50), state_dir=home / "mine")
    assert invoke("history", "config.toml", "--state-dir", "mine").stdout.startswith("1  ")
    assert not (home / "nowhere").exists()
    invoke("history", "--state-dir", "nowhere")
    assert not (home / "nowhere").exists()


@pytest.mark.parametrize("arguments", [["history"], ["rollback", "1", "--yes"]])
def test_a_directory_that_others_may_write_to(home, arguments):
    """Refused: what is in it may be anybody's."""
    (home / ".hotconf").chmod(0o777)
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "others may write to" in result.stderr


# Rollback


def test_back_to_an_earlier_state(home):
    """The difference is shown, the file has its earlier bytes and its own mode."""
    path = home / "config.toml"
    path.chmod(0o640)
    result = invoke("rollback", 1, "--yes")
    assert (result.exit_code, result.stderr) == (0, "Back to state 1: config.toml\n")
    lines = result.stdout.splitlines()
    assert lines[:2] == ["--- config.toml", "+++ config.toml"]
    assert lines[-2:] == ["-daily_limit_usd = 30", "+daily_limit_usd = 10"]
    assert path.read_text() == limit(10)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_state_may_be_named_as_elsewhere(home):
    """`@1`, as in `diff` and `show`; what is no number is refused as such."""
    assert invoke("rollback", "@1", "--yes").stderr == "Back to state 1: config.toml\n"
    for wrong in ("@", "@@1", "@0", "@-1", "1@"):
        assert invoke("rollback", wrong, "--yes").exit_code == 2


def test_from_a_broken_or_missing_file(home):
    """What is there now need not be valid, nor there."""
    path = home / "config.toml"
    path.write_bytes(b"\xff[")
    assert invoke("rollback", 2, "--yes").exit_code == 0
    assert path.read_text() == limit(20)
    path.unlink()
    assert invoke("rollback", 3, path, "--yes").exit_code == 0
    assert path.read_text() == limit(30)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_running_watcher_reloads(home):
    """It sees a save like any other, and keeps it as a state of its own."""
    with (
        HotReloadWatcher(home / "config.toml", SPECKIT, debounce_ms=0, state_dir=home / ".hotconf") as watcher,
        watcher.subscribe() as events,
    ):
        assert invoke("rollback", 1, "--yes").exit_code == 0
        next(events)
        assert next(events).summary == ("Cost limits changed ($30/day → $10/day)",)
    assert invoke("history").stdout.startswith("4  ")


def test_nothing_to_do(home):
    """The files are as they were then: nothing is asked or written."""
    before = (home / "config.toml").stat()
    result = invoke("rollback", 3)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "The files already match state 3\n"
    assert (home / "config.toml").stat() == before


@pytest.mark.parametrize(("answer", "status", "amount"), [("y\n", 0, 10), ("n\n", 1, 30), ("\n", 1, 30), ("", 1, 30)])
def test_it_asks(home, terminal, answer, status, amount):
    """Only a yes is one."""
    result = invoke("rollback", 1, answer=answer)
    assert result.exit_code == status
    assert "Go back to state 1? [y/N]" in result.stderr
    assert ("Nothing was changed\n" in result.stderr) == (answer in ("n\n", "\n"))
    assert (home / "config.toml").read_text() == limit(amount)


def test_nobody_to_ask(home):
    """Without a terminal it is not done without --yes; the difference is shown all the same."""
    result = invoke("rollback", 1, answer="y\n")
    assert result.exit_code == 2
    assert "give --yes" in result.stderr
    assert "+daily_limit_usd = 10" in result.stdout
    assert (home / "config.toml").read_text() == limit(30)


def test_changed_while_it_asked(home, terminal, monkeypatch):
    """What somebody saves meanwhile is not overwritten."""

    def save_meanwhile(*_args, **_options):
        (home / "config.toml").write_text(limit(99))
        return True

    monkeypatch.setattr(refusal.click, "confirm", save_meanwhile)
    result = invoke("rollback", 1)
    assert result.exit_code == 2
    assert "changed in the meantime" in result.stderr
    assert (home / "config.toml").read_text() == limit(99)


@pytest.mark.parametrize("number", [4, 99])
def test_no_such_state(home, number):
    """Said, with where to look."""
    result = invoke("rollback", number, "--yes")
    assert result.exit_code == 2
    assert f"there is no state {number} of {home}/config.toml: hotconf history lists" in result.stderr


def test_a_damaged_state(home):
    """Refused, with the reason."""
    (StateStore(home / ".hotconf", home / "config.toml").path / "00000002.state").write_bytes(b"")
    result = invoke("rollback", 2, "--yes")
    assert result.exit_code == 2
    assert "state 2 of " in result.stderr
    assert "is damaged" in result.stderr
    assert (home / "config.toml").read_text() == limit(30)


def test_a_state_that_is_not_valid_any_more(home, terminal):
    """Refused with --yes; whoever is asked is told and may want it."""
    (home / "newer.py").write_text("from pydantic import BaseModel\nclass Newer(BaseModel):\n    must: int\n")
    result = invoke("rollback", 1, "--yes", "--schema", "newer:Newer")
    assert result.exit_code == 2
    assert "state 1 is no longer valid: config.toml: Missing required field: must" in result.stderr
    assert (home / "config.toml").read_text() == limit(30)
    result = invoke("rollback", 1, "--schema", "newer:Newer", answer="y\n")
    assert result.exit_code == 0
    assert "State 1 is no longer valid" in result.stderr
    assert (home / "config.toml").read_text() == limit(10)


def test_fragments(home):
    """All files go back together; a fragment that is new stays, or goes with --remove-new."""
    more, new = home / "d" / "more.toml", home / "d" / "new.toml"
    more.parent.mkdir()
    more.write_text("[cost]\nmonthly_limit_usd = 100\n")
    folder = '[hot_reload]\nwatch_paths = ["d"]\n'
    live_through(home, limit(40, folder))
    more.write_text("[cost]\nmonthly_limit_usd = 200\n")
    new.write_text("[cost]\nmonthly_limit_usd = 300\n")
    live_through(home, limit(50, folder))
    result = invoke("rollback", 4, "--yes")
    assert "Not part of state 4, but left alone: new.toml" in result.stderr
    assert "new.toml" not in result.stdout
    assert ((home / "config.toml").read_text(), more.read_text()) == (
        limit(40, folder),
        "[cost]\nmonthly_limit_usd = 100\n",
    )
    assert new.exists()
    result = invoke("rollback", 4, "--yes", "--remove-new")
    assert "+++ /dev/null" in result.stdout
    assert (result.exit_code, result.stderr) == (0, "Back to state 4: new.toml\n")
    assert not new.exists()


def test_a_file_that_cannot_be_read(home):
    """A directory in its place: refused, nothing is touched."""
    path = home / "config.toml"
    path.unlink()
    path.mkdir()
    result = invoke("rollback", 1, "--yes")
    assert result.exit_code == 2
    assert "it is a directory" in result.stderr
    assert path.is_dir()


def test_no_secret_is_shown(home):
    """Neither those of the state nor those on the disk, valid or not; names and values cannot reach the terminal."""
    secrets = ["s3cr3t-one", "s3cr3t-two"]
    texts = [
        limit(
            n,
            f'[model_providers.x]\nname = "x"\nbase_url = "http://u:{word}@h"\n[mcp_servers.y]\napi_key = "{word}"\n',
        )
        for n, word in enumerate(secrets, 1)
    ]
    live_through(home, *texts)
    (home / "config.toml").write_text(texts[1] + '[mcp_servers.z]\ntoken = "s3cr3t-two\nx = "\x1b[31m"\n')
    shown = [invoke("history"), invoke("history", "--json"), invoke("rollback", 4, "--yes")]
    assert [result.exit_code for result in shown] == [0, 0, 0]
    for result in shown:
        assert not any(secret in result.output for secret in secrets)
        assert all(line.isprintable() for line in result.output.splitlines())
    assert (home / "config.toml").read_text() == texts[0]


# Comparing


MODELS = """
from pydantic import BaseModel, RootModel, SecretStr

class Inner(BaseModel):
    greeting: SecretStr = "x"

class Field(BaseModel):
    inner: Inner = Inner()

class Listed(BaseModel):
    inner: dict[str, list[SecretStr] | SecretStr] = {}

class Free(RootModel[dict[str, dict[str, SecretStr]]]):
    pass

class Plain(BaseModel):
    inner: dict[str, str] = {}
"""


@pytest.fixture
def secrets_of_a_model(tmp_path, monkeypatch):
    """Have a program keep two states of a model by this name, which keeps `inner.greeting` secret."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODE_HOME", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "models_with_secrets.py").write_text(MODELS)
    path = tmp_path / "config.toml"

    def live(name):
        models = importlib.import_module("models_with_secrets")
        path.write_text('[inner]\ngreeting = "planted-one"\n')
        with HotReloadWatcher(path, getattr(models, name), state_dir=tmp_path / ".hotconf") as watcher:
            path.write_text('[inner]\ngreeting = "planted-two"\n')
            watcher.reload()

    yield live
    del sys.modules["models_with_secrets"]


SHOWING = (("diff", "@1", "@2"), ("diff", "--json", "@1", "config.toml"), ("show", "@1"), ("rollback", "1", "--yes"))


@pytest.mark.parametrize("command", SHOWING, ids=" ".join)
@pytest.mark.parametrize("name", ["Field", "Listed", "Free"])
def test_what_only_its_model_knows_to_be_secret_is_not_shown_without_that(
    secrets_of_a_model, tmp_path, name, command
):
    """It is refused, and said why; with the model it is done, and the secret is masked."""
    secrets_of_a_model(name)
    for options in ([], ["--schema", "models_with_secrets:Plain"]):
        refused = invoke(*command, *options)
        assert refused.exit_code == 2
        assert "keys that its model keeps secret" in refused.stderr
        assert "--schema MODULE:NAME" in refused.stderr
        assert "planted" not in refused.output
        assert "planted-two" in (tmp_path / "config.toml").read_text()
    done = invoke(*command, "--schema", f"models_with_secrets:{name}")
    assert done.exit_code == (command[0] == "diff"), done.output
    assert "greeting" in done.output
    assert "planted" not in done.output


def test_a_model_without_secrets_need_not_be_known(secrets_of_a_model):
    """Its states can be shown by any."""
    secrets_of_a_model("Plain")
    assert "--schema" not in invoke("diff", "@1", "@2").output


def test_two_states_are_compared(home):
    """`diff @N @M`: their values, by the file's name or the default one's."""
    result = invoke("diff", "@1", "@3")
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout.startswith("cost.daily_limit_usd: 10.0 → 30.0\n")
    assert invoke("diff", "@2", "@2").exit_code == 0


def test_a_state_and_a_file_are_compared(home):
    """`diff @N FILE` and `diff FILE @N`: a state of that file, with what the file says now."""
    (home / "config.toml").write_text(limit(99))
    assert invoke("diff", "@2", "config.toml").stdout.startswith("cost.daily_limit_usd: 20.0 → 99.0\n")
    assert invoke("diff", "config.toml", "@2").stdout.startswith("cost.daily_limit_usd: 99.0 → 20.0\n")
    (home / "other.toml").write_text(limit(5))
    result = invoke("diff", "other.toml", "@2")
    assert result.exit_code == 2
    assert f"there is no state 2 of {home}/other.toml" in result.stderr
    live_through(home, limit(7), state_dir=home / "mine")
    assert invoke("diff", "@1", "config.toml", "--state-dir", "mine").exit_code == 0


def test_a_file_whose_name_looks_like_a_state(home):
    """It is meant when it is spelled in full."""
    (home / "@1").write_text(limit(77))
    assert invoke("diff", "config.toml", home / "@1").stdout.startswith("cost.daily_limit_usd: 30.0 → 77.0\n")


def test_a_state_is_shown(home):
    """`show @N`: with where each value was written, then."""
    result = invoke("show", "@2", "--key", "cost.daily_limit_usd")
    assert result.exit_code == 0
    assert "daily_limit_usd = 20.0" in result.stdout
    assert invoke("show", "@9").exit_code == 2


def test_states_of_a_given_path(home):
    """`@N` of the PATH that follows, with or without a default file."""
    (home / "config.toml").rename(home / "app.toml")
    (home / "config.toml").mkdir()
    path = home / "sub" / "config.toml"
    path.parent.mkdir()
    live_through(path.parent, limit(1), limit(2), state_dir=home / "states")
    where = ("--state-dir", "states")
    assert invoke("show", "@1", "sub/config.toml", *where).stdout.count("daily_limit_usd = 1.0") == 1
    assert invoke("diff", "@1", "@2", "sub/config.toml", *where).stdout.startswith(
        "cost.daily_limit_usd: 1.0 → 2.0\n"
    )
    assert invoke("diff", "app.toml", "@2", "sub/config.toml", *where).stdout.startswith(
        "cost.daily_limit_usd: 30.0 → 2.0\n"
    )
    for wrong in (("show", path, path), ("show", path, "@1"), ("show", "@1", path, path), ("diff", path, path, path)):
        assert invoke(*wrong, *where).exit_code == 2


def test_a_given_path_needs_no_home(home, monkeypatch):
    """Without one there is no state of it: `history` says so, and what needs a state is refused."""
    path = home / "config.toml"
    monkeypatch.delenv("CODE_HOME")
    monkeypatch.setattr(Path, "expanduser", Mock(side_effect=RuntimeError("no home")))
    result = invoke("history", path)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"No state of {path} is kept: there is no home directory, and --state-dir was not given\n"
    for needy in (("history",), ("rollback", "1", path), ("show", "@1", path), ("diff", "@1", "@2", path)):
        result = invoke(*needy)
        assert (result.exit_code, "there is no home directory" in result.stderr) == (2, True)
    assert invoke("history", path, "--state-dir", home / ".hotconf").stdout.count("\n") == 3


def test_a_state_that_is_not_valid_is_not_compared(home):
    """By the model of today; the reason is told as that of a file."""
    (home / "diff_state_schema.py").write_text("import pydantic\nclass Own(pydantic.BaseModel):\n    must: int\n")
    result = invoke("diff", "@1", "@2", "--schema", "diff_state_schema:Own")
    assert result.exit_code == 2
    assert "Missing required field: must" in result.stderr


def test_a_difference_that_nobody_reads(home, monkeypatch):
    """`hotconf rollback 1 --yes | true` writes nothing, and says so."""

    def closed(message="", *, err=False, **_options):
        if not err:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(refusal.click, "echo", closed)
    result = invoke("rollback", 1, "--yes")
    assert result.exit_code == 2
    assert (home / "config.toml").read_text() == limit(30)


def test_a_reader_that_leaves(home):
    """`hotconf history | head -1` is no error."""
    import subprocess
    import sys

    code = "from hotconf.cli import main; main()"
    done = subprocess.run(
        f'"{sys.executable}" -c "{code}" history | true',
        shell=True,
        capture_output=True,
        env={**os.environ, "CODE_HOME": str(home)},
        check=False,
    )
    assert b"Traceback" not in done.stderr
