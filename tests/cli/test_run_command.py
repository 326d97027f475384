"""`hotconf run`: what it starts the terminal app with."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

_RUN = """\
import json, sys
import hotconf.tui.launch
from hotconf.cli.run import run

seen = {}
sys.modules["hotconf.cli.run"]._missing = lambda: None
hotconf.tui.launch.launch = lambda *_, **options: seen.update(options) or 0
run.main(["--app", "program:watcher"], standalone_mode=False)
with open("seen", "w") as file:
    json.dump({name: seen[name] for name in ("read_only", "of_program", "state_dir")}, file, default=str)
"""


@pytest.mark.parametrize("states", [None, "states of its own"])
def test_the_app_looks_where_the_program_keeps_its_states(tmp_path, states):
    """As `hotconf history` does, and only looks; where the program keeps none, the app keeps its own."""
    given = "" if states is None else f", state_dir={str(tmp_path / states)!r}"
    (tmp_path / "program.py").write_text(
        f"from hotconf import HotReloadWatcher\nwatcher = HotReloadWatcher('c.toml', dict{given})\n"
    )
    (tmp_path / "c.toml").write_text("a = 1\n")
    environment = {**os.environ, "CODE_HOME": str(tmp_path / "home"), "PYTHONPATH": str(tmp_path)}
    subprocess.run([sys.executable, "-c", _RUN], cwd=tmp_path, env=environment, check=True, timeout=60)
    assert json.loads((tmp_path / "seen").read_text()) == {
        "read_only": states is not None,
        "of_program": True,
        "state_dir": str(tmp_path / "home" / ".hotconf" if states is None else tmp_path / states),
    }
