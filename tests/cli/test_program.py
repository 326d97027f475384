"""The program's own watcher: found, imported without being touched, and used by every command. Real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HOTCONF = [sys.executable, "-P", "-m", "hotconf"]
APP = """\
from pydantic import BaseModel, SecretStr

from hotconf import Env, HotReloadWatcher, Problem


class Server(BaseModel, frozen=True):
    port: int


class App(BaseModel, frozen=True):
    server: Server
    token: SecretStr = SecretStr("")


def check(app):
    return [Problem("port is odd", "server.port")] if app.server.port % 2 else []


class Watched:
    name = "watched"

    def read(self):
        return {}

    def watch(self, changed):
        open("watched", "w").close()
        return lambda: None


def make(path=__file__.replace("app.py", "app.yaml"), **more):
    return HotReloadWatcher(path, App, checks=[check], layers=[Env("APP_"), Watched()], **more)


watcher = make()
"""


@pytest.fixture
def project(tmp_path):
    """A program with a configuration, and the directory where nobody has one by default."""
    (tmp_path / "code").mkdir()
    root = tmp_path / "project"
    root.mkdir()
    (root / "app.py").write_text(APP)
    (root / "app.yaml").write_text("server:\n  port: 8000\n")
    (root / "pyproject.toml").write_text('[tool.hotconf]\napp = "app:watcher"\n')
    return root


def run(project, *arguments, timeout=60, where=None, **variables):
    """Run a command in the project."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("APP_", "HOTCONF", "PYTHON"))
    }
    environment |= {"CODE_HOME": str(project.parent / "code"), "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"}
    return subprocess.run(
        [*HOTCONF, *map(str, arguments)],
        cwd=where or project,
        env={**environment, **variables},
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def tree(root: Path) -> dict[str, tuple[int, int]]:
    """All that is below `root`, with what would show a change."""
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_mode) for path in sorted(root.rglob("*"))}


def error(done) -> str:
    """The one line that says why it refused."""
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    return line


# Finding it


def test_without_a_path_the_program_decides(project):
    """Its file, its model, its checks and its layers, from the nearest pyproject.toml."""
    (project / "deep" / "er").mkdir(parents=True)
    shown = run(project, "show", where=project / "deep" / "er", APP_SERVER__PORT="8080")
    assert "port: 8080  # $APP_SERVER__PORT" in shown.stdout
    assert run(project, "check").returncode == 0
    odd = run(project, "check", "--format", "concise", APP_SERVER__PORT="8081")
    assert (odd.returncode, odd.stdout) == (1, "$APP_SERVER__PORT: error: port is odd\n")


def test_with_a_path_its_model_counts_for_that_file(project):
    """The same model, checks and layers; another file, in another format."""
    (project / "other.toml").write_text("[server]\nport = 81\n")
    assert "other.toml:2:8: error: port is odd" in run(project, "check", "other.toml", "--format", "concise").stdout


def test_what_names_it(project):
    """--app, then HOTCONF_APP, then pyproject.toml; --schema instead of all, --no-app without any."""
    for number in (1, 2):
        text = APP.replace("app.yaml", f"n{number}.yaml").replace("app.py", f"app{number}.py")
        (project / f"app{number}.py").write_text(text)
        (project / f"n{number}.yaml").write_text(f"server:\n  port: {number}000\n")
    port = {"app": "8000", "app1": "1000", "app2": "2000"}
    for expected, options, variables in [
        ("app", [], {}),
        ("app", [], {"HOTCONF_APP": ""}),
        ("app1", [], {"HOTCONF_APP": "app1:watcher"}),
        ("app2", ["--app", "app2:watcher"], {"HOTCONF_APP": "app1:watcher"}),
        ("app2", ["--app", "app2:make"], {}),
    ]:
        assert f"port: {port[expected]}" in run(project, "show", *options, **variables).stdout
    by_schema = run(project, "show", "n1.yaml", "--schema", "app2:App", APP_SERVER__PORT="9")
    assert "port: 1000" in by_schema.stdout
    assert "no model is known" in error(run(project, "show", "n1.yaml", "--no-app", HOTCONF_APP="app1:watcher"))
    assert "not both" in error(run(project, "show", "--app", "app1:watcher", "--schema", "app:App"))


def test_where_modules_are_found(project):
    """`pythonpath` and the directory of pyproject.toml; without one the working directory."""
    for text in ('pythonpath = "src"', 'pythonpath = ["lib", "src"]'):
        (project / "pyproject.toml").write_text(f'[tool.hotconf]\napp = "inner.conf:watcher"\n{text}\n')
        (project / "src/inner").mkdir(parents=True, exist_ok=True)
        text = APP.replace('__file__.replace("app.py", "app.yaml")', repr(str(project / "app.yaml")))
        (project / "src/inner/conf.py").write_text(text)
        assert run(project, "check", where=project / "src").returncode == 0
    (project / "pyproject.toml").unlink()
    assert run(project, "check", "--app", "app:watcher").returncode == 0
    assert "No module named 'app'" in error(run(project, "check", "--app", "app:watcher", where=project / "src"))


MISSHAPEN = [" ", "app", "app:", ":watcher", "a b:watcher", "..app:watcher", "app..x:watcher", "app\\u0000:watcher"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[tool.hotconf\n", "cannot be read"),
        ("tool = 1\n", 'is not a table: write below it app = "myapp.config:watcher"'),
        ("[tool]\nhotconf = []\n", "is not a table"),
        ("[tool]\nhotconf = 'app:watcher'\n", "is not a table"),
        ('[[tool.hotconf]]\napp = "app:watcher"\n', "is not a table"),
        ("[tool.hotconf]\napp = 1\n", 'app is not a string: write app = "myapp.config:watcher"'),
        ('[tool.hotconf]\napp = ["app:watcher"]\n', "app is not a string"),
        ('[tool.hotconf]\napp = "app:watcher"\npythonpath = 1\n', 'write pythonpath = ["src"]'),
        ('[tool.hotconf]\napp = "app:watcher"\npythonpath = [1]\n', "pythonpath is not a list of strings"),
        ('[tool.hotconf]\nApp = "app:watcher"\n', 'unknown key App (did you mean "app"?)'),
        ('[tool.hotconf]\npython_path = "src"\n', 'unknown key python_path (did you mean "pythonpath"?)'),
        ('[tool.hotconf]\nmodel = "app:App"\n', "unknown key model (it knows app and pythonpath)"),
        *((f'[tool.hotconf]\napp = "{each}"\n', "not of the form MODULE:NAME") for each in MISSHAPEN),
        ('[tool.hotconf]\napp = "app.py:watcher"\n', "give the name of the module, app:watcher"),
        ('[tool.hotconf]\napp = "inner/app.py:watcher"\n', "give the name of the module, inner.app:watcher"),
        ('[tool.hotconf]\napp = "app:wacher"\n', "no attribute 'wacher' (did you mean \"watcher\"?)"),
        ('[tool.hotconf]\napp = "app:watcher:x"\n', "has no attribute 'watcher:x'"),
        ('[tool.hotconf]\napp = "nowhere:watcher"\n', "No module named 'nowhere'"),
        ('[tool.hotconf]\napp = "app:check"\n', "app:check: TypeError"),
        ('[tool.hotconf]\napp = "app:Server.__name__"\n', "give a HotReloadWatcher"),
    ],
)
def test_a_project_that_says_it_wrong(project, text, expected):
    """Status 2, one line, what is wrong."""
    (project / "pyproject.toml").write_text(text)
    assert expected in error(run(project, "check"))


def test_a_project_that_is_not_asked(project):
    """--no-app does without what is wrong with it."""
    (project / "pyproject.toml").write_text("[tool.hotconf\n")
    (project / "mine.toml").write_text('model = "a"\n')
    assert run(project, "check", "--no-app", "--schema", "speckit", "mine.toml").returncode == 0


def test_the_default_file_stays_the_built_in_one(project):
    """With the default PATH the model is the built-in one, unless --app or --schema is given."""
    default = project.parent / "code/config.toml"
    default.write_text('model = "gpt-5"\n')
    assert run(project, "check", default).returncode == 0
    assert "Missing required field: server" in run(project, "check", default, "--app", "app:watcher").stdout
    assert "Missing required field: server" in run(project, "check", default, "--schema", "app:App").stdout
    assert run(project, "check", "--no-app").returncode == 0
    (project / "other.toml").write_text('model = "gpt-5"\n')
    assert run(project, "check", "--schema", "speckit", "other.toml").returncode == 0


COMMANDS = {
    "check": ["check", "FILE"],
    "show": ["show", "FILE"],
    "explain": ["explain", "server", "FILE"],
    "diff": ["diff", "FILE", "FILE"],
    "plan": ["plan", "FILE", "FILE"],
    "watch": ["watch", "FILE"],
    "init": ["init", "NEW"],
    "schema": ["schema", "--stamp", "FILE"],
    "rollback": ["rollback", "1", "FILE"],
    "doctor": ["doctor", "FILE", "--no-probe"],
    "run": ["run", "FILE"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_no_model_is_known(project, name):
    """Every command that needs one ends with status 2, says how to name one, and writes nothing."""
    before = tree(project)
    arguments = [{"FILE": "app.yaml", "NEW": "new.toml"}.get(each, each) for each in COMMANDS[name]]
    done = run(project, *arguments, "--no-app")
    assert "--app MODULE:NAME, HOTCONF_APP, or [tool.hotconf] app" in error(done)
    assert "--schema MODULE:NAME" in done.stderr
    assert done.stdout == ""
    assert tree(project) == before


@pytest.mark.parametrize("form", ["text", "concise", "json", "sarif", "github"])
def test_syntax_is_checked_all_the_same(project, form):
    """Where no model is known: each format has the syntax errors, and the status is 2."""
    (project / "bad.yaml").write_text("server: [\n")
    done = run(project, "check", "--no-app", "bad.yaml", "app.yaml", "--format", form)
    assert "no model is known" in error(done)
    assert "missing closing bracket" in done.stdout
    if form == "json":
        assert len(json.loads(done.stdout)["problems"]) == 1
    assert "missing closing bracket" in run(project, "show", "--no-app", "bad.yaml").stderr


# Importing it

HOSTILE = {
    "prints": 'print("SPOILT")\n',
    "prints below Python": 'import os\nos.write(1, b"SPOILT")\nos.system("echo SPOILT")\n',
    "prints for ever": (
        "import threading\ndef forever():\n    while True:\n        print('SPOILT')\n"
        "threading.Thread(target=forever).start()\n"
    ),
    "threads": "import threading, time\nthreading.Thread(target=lambda: time.sleep(1000)).start()\n",
    "exit handlers": 'import atexit, time\natexit.register(lambda: (open("exited", "w"), time.sleep(1000)))\n',
    "start": "watcher.start()\nassert watcher.config.server.port == 8000\n",
    "starts without a need": "watcher.start(require=False)\n",
    "with": "with make() as other:\n    assert other.config\n",
    "async with": (
        "import asyncio\nasync def main():\n    async with make() as other:\n        assert other.generation == 1\n"
        "asyncio.run(main())\n"
    ),
    "callbacks": (
        "watcher.on_change('server', lambda old, new: open('called', 'w'))\n"
        "watcher.on_event(lambda event: open('called', 'w'))\nwatcher.start()\nwatcher.reload()\n"
        "with watcher.busy('work'):\n    pass\n"
    ),
    "states": "watcher = make(state_dir='states')\nwatcher.start()\n",
    "states that may not be written": "watcher = make(state_dir='/proc/none')\nwatcher.start()\n",
    "starts later": (
        "import threading, time\n"
        "def late():\n    time.sleep(0.05)\n    make(state_dir='states').start()\n    open('started', 'w')\n"
        "threading.Thread(target=late).start()\n"
    ),
    "standard input": "import sys\nassert sys.stdin.read() == ''\n",
    "arguments": "import argparse\nargparse.ArgumentParser().parse_args()\n",
    "directory": "import os\nos.chdir('/')\n",
    "signals": ("import signal\nfor n in (signal.SIGINT, signal.SIGTERM):\n    signal.signal(n, signal.SIG_IGN)\n"),
    "stdout": "import sys\nsys.stdout.close()\nsys.stdout = None\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_the_program_does(project, name):
    """The data is clean, the command ends with its status, and nothing of the program is touched."""
    (project / "app.py").write_text(APP + HOSTILE[name])
    before = tree(project)
    done = run(project, "show", "app.yaml", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["value"]["server"] == {"port": 8000}
    assert {path for path in tree(project) if not path.endswith("started")} == set(before)
    assert {path: stamp for path, stamp in tree(project).items() if path in before} == before


FAILING = {
    "import sys\nsys.exit()\n": "it exited, with status None (app.py:LINE)",
    "import sys\nsys.exit(3)\n": "it exited, with status 3 (app.py:LINE)",
    "import sys\nsys.exit('no way')\n": "it exited: no way (app.py:LINE)",
    "1 / 0\n": "ZeroDivisionError: division by zero (app.py:LINE)",
    "import pathlib\npathlib.Path('/no/such').read_text()\n": "FileNotFoundError: ",
    "class Own(BaseException): pass\nraise Own('two\\nlines')\n": "Own: two lines (app.py:LINE)",
    "import no_such_module\n": "No module named 'no_such_module' (app.py:LINE)",
    "x = = 1\n": "SyntaxError: invalid syntax",
    "watcher.start()\nwatcher.start()\n": "a watcher can be started once; make a new one (app.py:LINE)",
    "raise ValueError('postgres://me:hunter2@db/x')\n": "ValueError: postgres://********@db/x (app.py:LINE)",
    "Server.model_validate({'port': 'hunter2'})\n": "validation error",
    "async def watcher(): pass\n": "give a HotReloadWatcher, or a function that returns one, not of type coroutine",
}


@pytest.mark.parametrize("text", FAILING)
def test_a_program_that_cannot_be_imported(project, text):
    """Status 2, and one plain line that says what happened, and where in the program; no secret is in it."""
    (project / "app.py").write_text(APP + text)
    line = error(run(project, "check"))
    assert FAILING[text].replace("LINE", str(len((APP + text).splitlines()))) in line
    assert "hunter2" not in line
    assert "pyproject.toml: app app:watcher: " in line


def test_a_start_that_refuses_its_file(project):
    """What is wrong with the file is what the command is for; of another file nothing is known then."""
    (project / "app.py").write_text(APP + "watcher.start()\n")
    (project / "app.yaml").write_text("server:\n  port: many\n")
    (project / "other.yaml").write_text("server:\n  port: 80\n")
    done = run(project, "check", "--format", "concise")
    assert (done.returncode, done.stdout.count("\n")) == (1, 1)
    assert "app.yaml:2:9: error: Type mismatch: server.port" in done.stdout
    assert "its own start() failed" in error(run(project, "check", "other.yaml"))


def test_files_only(project):
    """Without the layers, what only they set is missing with a warning; other faults are errors as ever."""
    (project / "app.yaml").write_text("token: x\n")
    assert run(project, "check", APP_SERVER__PORT="80").returncode == 0
    assert run(project, "check").returncode == 1
    done = run(project, "check", "--files-only", "--format", "concise", APP_SERVER__PORT="81")
    assert done.returncode == 0
    assert "warning: Missing required field: server" in done.stdout
    assert run(project, "check", "--files-only", "--error-on-warning").returncode == 1
    (project / "app.yaml").write_text("server:\n  port: many\n")
    assert run(project, "check", "--files-only", APP_SERVER__PORT="80").returncode == 1


# All commands


def test_every_command_knows_it(project):
    """Each that takes a PATH uses the program's file, model, layers and states."""
    states = str(project / "states")
    (project / "app.py").write_text(APP.replace("= make()", f"= make(state_dir={states!r})"))
    (project / "edit.yaml").write_text("server:\n  port: 8002\n")
    assert "server.port: 8000 → 8002" in run(project, "diff", "app.yaml", "edit.yaml").stdout
    assert "server.port" in run(project, "plan", "edit.yaml").stdout
    assert "$APP_SERVER__PORT" in run(project, "explain", "server.port", APP_SERVER__PORT="8004").stdout
    assert json.loads(run(project, "schema").stdout)["properties"]["server"]
    assert str(project / "app.yaml") in run(project, "doctor", "--no-probe").stdout
    keep = "import app\nwith app.watcher:\n    pass\n"
    subprocess.run([sys.executable, "-c", keep], cwd=project, check=True, timeout=60)
    (project / "watched").unlink()
    history = run(project, "history", "--json")
    assert json.loads(history.stdout.splitlines()[0])["number"] == 1
    assert "No value differs" in run(project, "diff", "@1", "app.yaml").stderr
    (project / "app.yaml").write_text("server:\n  port: 8006\n")
    back = run(project, "rollback", "1", "--yes")
    assert back.returncode == 0, back.stderr
    assert (project / "app.yaml").read_text() == "server:\n  port: 8000\n"


@pytest.mark.parametrize("command", ["watch", "run"])
def test_watching_with_the_programs_model(project, command):
    """`hotconf watch` is a watcher of its own that works: it follows the file by the program's model and layers."""
    environment = {**os.environ, "CODE_HOME": str(project.parent / "code"), "PYTHONUNBUFFERED": "1"}
    options = ["--debounce-ms", "0"] if command == "watch" else []
    process = subprocess.Popen(
        [*HOTCONF, command, *options],
        cwd=project,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert "app.yaml (generation 1" in process.stdout.readline()
        (project / "app.yaml").write_text("server:\n  port: 8001\n")
        line = process.stdout.readline()
        while "port is odd" not in line:
            assert line, process.communicate()
            line = process.stdout.readline()
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.communicate()


# Where none is named


@pytest.mark.parametrize(
    ("command", "said"),
    [(["check"], "~/.code/config.toml is used"), (["env"], "this is about the built-in model")],
)
def test_it_is_said_that_no_program_is_named_here(tmp_path, command, said):
    """The directory may be the wrong one; who has set CODE_HOME, or says --no-app, knows."""
    empty = {"HOME": str(tmp_path), "CODE_HOME": ""}
    done = run(tmp_path, *command, **empty)
    assert done.stderr.startswith(
        f"No program is named here: {said}. Name yours in pyproject.toml, [tool.hotconf] app"
    )
    assert done.stderr.count("No program") == 1
    for more, variables in ((["--no-app"], empty), ([], {"HOME": str(tmp_path)})):
        assert "No program" not in run(tmp_path, *command, *more, **variables).stderr


# Standard input


def given(project, text, *arguments):
    """What `check -` says of `text`."""
    environment = {**os.environ, "CODE_HOME": str(project.parent / "code"), "NO_COLOR": "1"}
    return subprocess.run(
        [*HOTCONF, "check", "-", *arguments], cwd=project, env=environment, input=text, capture_output=True, text=True
    )


def test_standard_input_is_in_the_format_of_the_program(project):
    """As for show and plan; its name in problems is its own."""
    done = given(project, "server:\n  port: 9000\n")
    assert (done.returncode, done.stdout) == (0, "")
    done = given(project, "server:\n  port: nine\n")
    assert done.returncode == 1
    assert " --> <stdin>:2:9\n" in done.stdout


def test_without_a_program_the_format_of_standard_input_has_to_be_said(project):
    """It is read as TOML, and the hint names the option."""
    done = given(project, "server:\n  port: 9000\n", "--no-app")
    assert "help: it is read as TOML: --stdin-filename config.yaml says otherwise" in done.stdout
    done = given(project, "server:\n  port: 9000\n", "--no-app", "--stdin-filename", "x.yaml")
    assert done.stdout == ""
