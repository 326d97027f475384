"""`hotconf check`: problems on stdout, the count on stderr, the verdict in the exit status."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from dataclasses import fields

import click
import pytest
from click.testing import CliRunner

from hotconf.cli.app import hotconf
from hotconf.problems import Problem

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
    return CliRunner().invoke(hotconf, ["check", "--schema", "speckit", *map(str, arguments)])


def test_a_valid_file_is_silent_on_stdout(here):
    """Nothing to say is nothing to parse; the count goes to stderr."""
    (here / "config.toml").write_text('model = "x"\n')
    result = check("config.toml")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "1 file checked, no problems\n")


def test_the_default_is_every_problem_with_its_source(here):
    """As compilers show it; errors and warnings told apart, a relative path stays relative."""
    (here / "config.toml").write_text(INVALID)
    result = check("config.toml")
    assert result.exit_code == 1
    assert (
        re.sub(r"\^+", "^", result.stdout)
        == f"""\
warning[schema]: Unknown key: modle
 --> config.toml:1:1
  │
1 │ modle = "x"
  │ ^
  = help: did you mean "model"?

error[schema]: {ENUM}
 --> config.toml:2:19
  │
2 │ approval_policy = "unknown"
  │                   ^

"""
    )
    assert result.stderr == "1 file checked, 1 error, 1 warning\n"


def test_concise_is_one_line_each_in_file_order_with_the_path_as_given(here):
    """What editors and `grep` read."""
    (here / "config.toml").write_text(INVALID)
    result = check("config.toml", "--format", "concise")
    lines = result.stdout.splitlines()
    assert result.exit_code == 1
    assert lines[0] == 'config.toml:1:1: warning: Unknown key: modle (did you mean "model"?)'
    assert lines[1] == f"config.toml:2:19: error: {ENUM}"
    assert len(lines) == 2
    assert result.stderr == "1 file checked, 1 error, 1 warning\n"


def test_the_default_is_the_config_of_the_home(here):
    """Without a path the file in `$CODE_HOME` is checked, and named in full."""
    (here / "config.toml").write_text("model = [\n")
    result = check("--format", "concise")
    assert result.exit_code == 1
    assert result.stdout.startswith(f"{here}/config.toml:")


def test_several_files_are_all_checked(here):
    """One bad file does not hide the next."""
    for name in ("a.toml", "b.toml"):
        (here / name).write_text(INVALID)
    (here / "c.toml").write_text("model = 'x'\n")
    result = check("a.toml", "c.toml", "b.toml", "--format=concise")
    assert result.exit_code == 1
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == ["a.toml"] * 2 + ["b.toml"] * 2
    assert result.stderr == "3 files checked, 2 errors, 2 warnings\n"


def test_fragments_are_checked_and_named_beside_the_file(here):
    """What `watch_paths` names belongs to the configuration; its place is spelt like the main file's."""
    (here / "conf").mkdir()
    (here / "conf/config.toml").write_text('[hot_reload]\nwatch_paths = ["more/*.toml"]\n')
    (here / "conf/more").mkdir()
    (here / "conf/more/a.toml").write_text('approval_policy = "unknown"\n')
    result = check("conf/config.toml", "--format=concise")
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
    result = check("bad.toml", "x.toml", "--format=concise")
    assert result.exit_code == 2
    assert result.stdout.splitlines()[-1].startswith("x.toml:1:1: error: ")


def test_a_file_that_may_not_be_read_is_a_problem_of_the_file(here, monkeypatch):
    """And not of how the command was called: the other files are checked, the format is kept."""
    (here / "bad.toml").write_text(INVALID)
    (here / "x.toml").write_text("# fine\n")
    real = os.open

    def refuse(path, *given, **named):
        if os.fspath(path).endswith("x.toml"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return real(path, *given, **named)

    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(os, "access", lambda path, mode, **named: not os.fspath(path).endswith("x.toml"))
    result = check("bad.toml", "x.toml", "--format=json")
    assert result.exit_code == 2
    kinds = [problem["kind"] for problem in json.loads(result.stdout)["problems"]]
    assert kinds == ["schema", "schema", "unreadable"]


@pytest.mark.parametrize(("text", "status"), [("# fine\n", 0), ("model = 1\n", 1)])
def test_the_status_is_told_to_who_has_closed_stdout(here, text, status):
    """`>&-`: nobody reads it, and that is no fault of the file."""
    (here / "config.toml").write_text(text)
    line = f"exec {sys.executable} -c 'from hotconf.cli import main; main()' check --schema speckit config.toml >&-"
    done = subprocess.run(["sh", "-c", line], cwd=here, capture_output=True, text=True)
    assert done.returncode == status
    assert "Traceback" not in done.stderr


def test_a_url_is_no_file_to_watch(here):
    """Said at once, without the password in it."""
    (here / "config.toml").write_text('[hot_reload]\nwatch_paths = ["https://me:S3CRETz@host/x.toml"]\n')
    result = check("--format=concise")
    assert result.exit_code == 1
    assert "is a URL, not a file" in result.stdout
    assert "S3CRETz" not in result.output


def test_what_two_files_have_in_common_is_told_once(here):
    """A fragment that is given as well, even if it is told with other related places there."""
    (here / "config.toml").write_text('model_verbosity = "low"\n[hot_reload]\nwatch_paths = ["f.toml"]\n')
    (here / "f.toml").write_text('model_verbosity = "loud"\n')
    result = check("config.toml", "f.toml", "--format=concise")
    assert result.stdout.count("f.toml:1:19: error: ") == 1


def test_warnings_alone_are_valid(here):
    """They are told, and change nothing."""
    (here / "config.toml").write_text('modle = "x"\n')
    result = check()
    assert result.exit_code == 0
    assert "warning[schema]" in result.stdout


def test_a_schema_of_the_working_directory(here):
    """`--schema` names a pydantic model in a module beside the file."""
    (here / "own_schema_a.py").write_text("import pydantic\nclass Own(pydantic.BaseModel):\n    port: int\n")
    (here / "config.toml").write_text('port = "x"\n')
    result = check("config.toml", "--schema", "own_schema_a:Own", "--format=concise")
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
        ("own_schema_c:X", "it exited, with status 0 (own_schema_c.py:1)"),
        ("own_schema_unbuilt:Own", "pydantic cannot build the model Own: name 'Gone' is not defined\n"),
    ],
)
def test_a_schema_that_cannot_be_had_is_wrong_usage(here, name, said):
    """The message says why; the status is 2, whatever the module does when it is imported."""
    (here / "own_schema_b.py").write_text('raise RuntimeError("on fire")\n')
    (here / "own_schema_c.py").write_text("raise SystemExit(0)\n")
    (here / "own_schema_unbuilt.py").write_text("import pydantic\nclass Own(pydantic.BaseModel):\n    port: 'Gone'\n")
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
    assert " --> a\\x1b[31m.toml:1:19\n" in result.stdout


def test_no_planted_secret_is_printed(here):
    """Neither a value of the wrong type nor a line that cannot be parsed shows what is secret."""
    (here / "config.toml").write_text('[model_providers.x]\napi_key = "hunter2-planted"\nbase_url = 5\n')
    (here / "broken.toml").write_text('token = "hunter2-planted\n')
    result = check("config.toml", "broken.toml")
    assert result.exit_code == 1
    assert "hunter2" not in result.output


def test_json_holds_everything(here):
    """One object with every field of every problem; files are absolute."""
    (here / "config.toml").write_text(INVALID)
    result = check("config.toml", "--format=json")
    assert result.exit_code == 1
    problems = json.loads(result.stdout)["problems"]
    assert [problem["severity"] for problem in problems] == ["warning", "error"]
    # A check's mentions have become `related`; `withheld` is for programs that show source lines.
    assert problems[1].keys() == {field.name for field in fields(Problem)} - {"mentions", "withheld"}
    assert problems[1]["message"] == ENUM
    assert problems[1]["file"] == str(here / "config.toml")
    (here / "config.toml").write_text("# fine\n")
    assert json.loads(check("--format=json").stdout) == {"problems": []}


def test_sarif_and_github(here):
    """For code hosts; in SARIF files are relative to the working directory."""
    (here / "config.toml").write_text(INVALID)
    (run,) = json.loads(check("--format=sarif").stdout)["runs"]
    assert [result["level"] for result in run["results"]] == ["warning", "error"]
    physical = run["results"][1]["locations"][0]["physicalLocation"]
    assert physical["artifactLocation"] == {"uri": "config.toml", "uriBaseId": "%SRCROOT%"}
    lines = check("config.toml", "--format=github").stdout.splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["::warning", "::error"]
    assert "file=config.toml,line=2,col=19" in lines[1]


def test_standard_input(here):
    """`-` is the configuration itself; what it is called decides where its fragments are."""
    result = CliRunner().invoke(hotconf, ["check", "--schema", "speckit", "-"], input=INVALID)
    assert result.exit_code == 1
    assert " --> <stdin>:2:19\n" in result.stdout
    assert '2 │ approval_policy = "unknown"' in result.stdout
    (here / "conf").mkdir()
    (here / "conf/more.toml").write_text('approval_policy = "unknown"\n')
    (here / "conf/config.toml").write_text("this is not what counts")
    text = '[hot_reload]\nwatch_paths = ["more.toml"]\n'
    command = ["check", "--schema", "speckit", "-", "--stdin-filename", "conf/config.toml", "--format=concise"]
    result = CliRunner().invoke(hotconf, command, input=text)
    assert result.stdout == f"conf/more.toml:1:19: error: {ENUM}\n"
    result = CliRunner().invoke(hotconf, command[:-1], input=b"x = '\xff'\n")
    assert "error[encoding]" in result.stdout
    result = CliRunner().invoke(hotconf, ["check", "--schema", "speckit", "-"], input="# " + "x" * (1 << 20))
    assert (result.exit_code, result.stdout.splitlines()[0]) == (
        2,
        "error[too_large]: The file is larger than 1048576 bytes",
    )


def test_a_name_for_standard_input_needs_it(here):
    """Otherwise somebody forgot the `-`, and would check another file than they think."""
    (here / "config.toml").write_text("# fine\n")
    result = check("--stdin-filename", "x.toml")
    assert result.exit_code == 2
    assert "needs - as a PATH" in result.stderr


def test_a_problem_of_a_shared_fragment_is_told_once(here):
    """Two files may name it, and a file may be given twice."""
    (here / "common.toml").write_text('approval_policy = "unknown"\n')
    for name in ("a.toml", "b.toml"):
        (here / name).write_text('[hot_reload]\nwatch_paths = ["common.toml"]\n')
    result = check("a.toml", "b.toml", "a.toml", "--format=concise")
    assert result.stdout == f"common.toml:1:19: error: {ENUM}\n"
    assert result.stderr == "2 files checked, 1 error\n"


def test_warnings_can_be_errors(here):
    """For those who want no warnings in what they merge."""
    (here / "config.toml").write_text('modle = "x"\n')
    assert check("--error-on-warning").exit_code == 1
    (here / "config.toml").write_text("# fine\n")
    assert check("--error-on-warning").exit_code == 0
    assert check("--error-on-warning", "no.toml").exit_code == 2


def test_of_many_problems_the_errors_are_shown(here):
    """No more than somebody reads; the other formats have them all."""
    (here / "config.toml").write_text(
        "[evidence]\n"
        + "".join(f"unheard{n} = {n}\n" for n in range(60))
        + "".join(f'[models.m{n}]\nmodel = "x"\ntemperature = 9.0\n' for n in range(45))
    )
    result = check()
    assert result.stdout.count("error[") == 45
    assert result.stdout.count("warning[") == 5
    assert result.stdout.endswith("\n\n… and 55 more; hotconf check --format concise shows more of them.\n\n")
    assert len(check("--format=concise").stdout.splitlines()) == 105


@pytest.mark.parametrize(
    ("variables", "coloured"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, True),
        ({"FORCE_COLOR": "0"}, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": ""}, True),
    ],
)
def test_colour_is_for_those_who_want_it(here, monkeypatch, variables, coloured):
    """In a pipe only on demand; without colours it says the same."""
    (here / "config.toml").write_text(INVALID)
    plain = check()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    painted = check()
    assert ("\x1b[" in painted.stdout) == coloured
    assert click.unstyle(painted.stdout) == plain.stdout
    assert "\x1b[" not in check("--format=concise").output


def test_what_the_model_keeps_secret_is_not_shown(here):
    """Nor where the same text stands once more, under a name that tells nothing."""
    (here / "own_schema_d.py").write_text(
        "import pydantic\nclass Own(pydantic.BaseModel):\n    pin: pydantic.SecretStr\n    port: int\n"
    )
    (here / "config.toml").write_text("pin = 'hunter2'\nport = 'x'  # not hunter2\n")
    result = check("--schema", "own_schema_d:Own")
    assert "2 │ port = 'x'  # not ********" in result.stdout
    assert "hunter" not in result.output


def test_a_terminal_without_unicode_gets_a_frame_all_the_same(here):
    """Of characters that it has: an escape in the place of one would move the caret away from what it points at."""
    (here / "config.toml").write_text('x = "' + "x" * 200 + '"\napproval_policy = "x"\n')
    result = CliRunner(charset="latin-1").invoke(hotconf, ["check", "config.toml"])
    assert "2 | approval_policy = " in result.stdout
    assert "  |                   ^" in result.stdout


HEAVY = {
    "asyncio",
    "concurrent.futures",
    "ctypes",
    "difflib",
    "hotconf.events",
    "hotconf.report.ndjson",
    "hotconf.runtime.driver",
    "hotconf.logs.log",
    "hotconf.watcher",
    "http.client",
    "logging",
    "rich",
    "subprocess",
    "textual",
    "unittest",
}
ONLY_FOR_PROBLEMS = {
    "hotconf.config.validation.faults",
    "hotconf.config.validation.messages",
    "hotconf.formats.toml.positions",
    "hotconf.config.redaction.source_text",
    "hotconf.report.problems.diagnostic",
    "hotconf.report.problems.excerpt",
    "hotconf.report.problems.github",
    "hotconf.report.problems.sarif",
}


@pytest.mark.parametrize(
    ("text", "status", "unwanted"), [("# fine\n", 0, HEAVY | ONLY_FOR_PROBLEMS), ("model = 1\n", 1, HEAVY)]
)
def test_check_loads_no_machinery(here, text, status, unwanted):
    """It starts quickly: no watcher, no threads' worth of modules; what tells problems only if there are any."""
    (here / "config.toml").write_text(text)
    code = (
        "import sys\n"
        "sys.argv = ['hotconf', 'check']\n"
        "from hotconf.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n"
        f"    print(end.code, sorted({unwanted!r} & sys.modules.keys()), file=sys.stderr)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert result.stderr.splitlines()[-1] == f"{status} []", result.stderr


@pytest.mark.parametrize(("command", "hurries"), [("check", True), ("init", False)])
def test_check_wastes_no_time_on_garbage_and_plugins(here, command, hurries):
    """It is over in a moment; processes that stay, or start others, are left as they are."""
    code = (
        "import gc, os, sys\n"
        f"sys.argv = ['hotconf', {command!r}]\n"
        "usual = gc.get_threshold()\n"
        "from hotconf.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n"
        "    print(gc.get_threshold() != usual, 'PYDANTIC_DISABLE_PLUGINS' in os.environ)\n"
    )
    variables = {name: value for name, value in os.environ.items() if name != "PYDANTIC_DISABLE_PLUGINS"}
    result = subprocess.run(
        [sys.executable, "-c", code], env=variables, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.stdout.splitlines()[-1] == f"{hurries} {hurries}", result.stderr
