"""`hotconf check`: problems on stdout, the count on stderr, the verdict in the exit status."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from hotconf.cli.app import hotconf

INVALID = 'modle = "x"\napproval_policy = "unknown"\n[hot_reload]\ndebounce_ms = 50\n'
ENUM = 'Invalid enum value: approval_policy="unknown" (expected: untrusted, on-failure, on-request, never)'


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory that is also the configuration's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODE_HOME", str(tmp_path))
    return tmp_path


def check(*arguments):
    """Run the command."""
    return CliRunner().invoke(hotconf, ["check", *map(str, arguments)])


def test_a_valid_file_is_silent_on_stdout(here):
    """Nothing to say is nothing to parse; the count goes to stderr."""
    (here / "config.toml").write_text('model = "x"\n')
    result = check("config.toml")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "1 file checked, no problems\n")


def test_every_problem_is_one_line_in_file_order_with_the_path_as_given(here):
    """Errors and warnings alike; a relative path stays relative."""
    (here / "config.toml").write_text(INVALID)
    result = check("config.toml")
    lines = result.stdout.splitlines()
    assert result.exit_code == 1
    assert lines[0].startswith('config.toml:1:1: warning: Unknown key: modle (did you mean "model"?)')
    assert lines[1] == f"config.toml:2:19: error: {ENUM}"
    assert len(lines) == 2
    assert result.stderr == "1 file checked, 1 error, 1 warning\n"


def test_the_default_is_the_config_of_the_home(here):
    """Without a path the file in `$CODE_HOME` is checked, and named in full."""
    (here / "config.toml").write_text("model = [\n")
    result = check()
    assert result.exit_code == 1
    assert result.stdout.startswith(f"{here}/config.toml:")


def test_several_files_are_all_checked(here):
    """One bad file does not hide the next."""
    for name in ("a.toml", "b.toml"):
        (here / name).write_text(INVALID)
    (here / "c.toml").write_text("model = 'x'\n")
    result = check("a.toml", "c.toml", "b.toml")
    assert result.exit_code == 1
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == ["a.toml"] * 2 + ["b.toml"] * 2
    assert result.stderr == "3 files checked, 2 errors, 2 warnings\n"


def test_fragments_are_checked_and_named_beside_the_file(here):
    """What `watch_paths` names belongs to the configuration; its place is spelt like the main file's."""
    (here / "conf").mkdir()
    (here / "conf/config.toml").write_text('[hot_reload]\nwatch_paths = ["more/*.toml"]\n')
    (here / "conf/more").mkdir()
    (here / "conf/more/a.toml").write_text('approval_policy = "unknown"\n')
    result = check("conf/config.toml")
    assert result.stdout == f"conf/more/a.toml:1:19: error: {ENUM}\n"
    assert result.exit_code == 1


@pytest.mark.parametrize("trouble", ["missing", "directory", "too large"])
def test_what_cannot_be_read_is_status_two(here, trouble):
    """Not valid and not invalid: nothing can be said. It outweighs an invalid file."""
    (here / "bad.toml").write_text(INVALID)
    if trouble == "directory":
        (here / "x.toml").mkdir()
    elif trouble == "too large":
        (here / "x.toml").write_text("# " + "x" * (1 << 20))
    result = check("bad.toml", "x.toml")
    assert result.exit_code == 2
    assert result.stdout.splitlines()[-1].startswith("x.toml: error: ")


def test_warnings_alone_are_valid(here):
    """They are told, and change nothing."""
    (here / "config.toml").write_text('modle = "x"\n')
    result = check()
    assert result.exit_code == 0
    assert "warning:" in result.stdout


def test_a_schema_of_the_working_directory(here):
    """`--schema` names a pydantic model in a module beside the file."""
    (here / "own_schema_a.py").write_text("import pydantic\nclass Own(pydantic.BaseModel):\n    port: int\n")
    (here / "config.toml").write_text('port = "x"\n')
    result = check("config.toml", "--schema", "own_schema_a:Own")
    assert result.exit_code == 1
    assert result.stdout.startswith("config.toml:1:8: error: Type mismatch: port expected int")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no_colon", "MODULE:NAME"),
        (":name", "MODULE:NAME"),
        ("no_such_module_here:X", "No module named 'no_such_module_here'"),
        ("json:nothing", "has no attribute 'nothing'"),
        ("json:loads", "neither a hotconf.Schema nor a pydantic model"),
        ("pathlib:Path", "the class Path"),
        ("own_schema_b:X", "RuntimeError: on fire"),
        ("own_schema_c:X", "SystemExit: 0"),
    ],
)
def test_a_schema_that_cannot_be_had_is_wrong_usage(here, name, said):
    """The message says why; the status is 2, whatever the module does when it is imported."""
    (here / "own_schema_b.py").write_text('raise RuntimeError("on fire")\n')
    (here / "own_schema_c.py").write_text("raise SystemExit(0)\n")
    (here / "config.toml").write_text('model = "x"\n')
    result = check("--schema", name)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""


def test_the_output_cannot_harm_a_terminal(here):
    """Control characters of a file, or of its name, are shown as escapes."""
    (here / "a\x1b[31m.toml").write_text('approval_policy = "\\u001b[2J"\n')
    result = check("a\x1b[31m.toml")
    assert "\x1b" not in result.output
    assert "a\\x1b[31m.toml:1:19: error: " in result.stdout


def test_no_planted_secret_is_printed(here):
    """Neither a value of the wrong type nor a line that cannot be parsed shows what is secret."""
    (here / "config.toml").write_text('[model_providers.x]\napi_key = "hunter2-planted"\nbase_url = 5\n')
    (here / "broken.toml").write_text('token = "hunter2-planted\n')
    result = check("config.toml", "broken.toml")
    assert result.exit_code == 1
    assert "hunter2" not in result.output


def test_check_loads_no_machinery(here):
    """It starts quickly: no watcher, no threads' worth of modules, no logging, no asyncio."""
    (here / "config.toml").write_text('model = "x"\n')
    code = (
        "import sys\n"
        "sys.argv = ['hotconf', 'check']\n"
        "from hotconf.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n"
        "    heavy = {'asyncio', 'logging', 'ctypes', 'difflib', 'json', 'hotconf.watcher'}\n"
        "    print(end.code, sorted(heavy & sys.modules.keys()))\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert result.stdout == "0 []\n", result.stderr
