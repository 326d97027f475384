"""What importing and starting a watcher costs the program, as counts: times depend on the machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

NOT_IMPORTED = {
    *("asyncio", "concurrent.futures", "multiprocessing", "selectors", "subprocess", "unittest", "watchdog", "click"),
    *("hotconf.cli", "hotconf.tui", "hotconf.report", "hotconf.speckit", "hotconf.inspection", "tempfile", "shlex"),
    *(f"hotconf.secrets.{name}" for name in ("credentials", "prose", "scrubber")),
    *(f"hotconf.config.redaction.{name}" for name in ("masking", "secret_values", "source_text")),
    *(f"hotconf.config.validation.{name}" for name in ("faults", "messages")),
    *(f"hotconf.formats.toml.{name}" for name in ("positions", "outline", "slips", "syntax")),
    *(f"hotconf.formats.json.{name}" for name in ("positions", "outline", "mistakes")),
}
"""Not needed until a problem or a secret has to be shown."""
COUNTED = f"""
import builtins, collections, dataclasses, json, re, sys
from pydantic import BaseModel, TypeAdapter
class Config(BaseModel, frozen=True):
    port: int = 1
before = set(sys.modules)
made = []
def counting(module, name):
    original = getattr(module, name)
    setattr(module, name, lambda *args, **named: made.append(name) or original(*args, **named))
counting(dataclasses, "_process_class")
counting(collections, "namedtuple")
counting(re, "_compile")
from hotconf import HotReloadWatcher
if len(sys.argv) > 1:
    HotReloadWatcher(sys.argv[1], Config).start()
imported = set(sys.modules) - before
counts = {{name: made.count(name) for name in ("_process_class", "namedtuple", "_compile")}}
print(json.dumps([sorted(imported & {NOT_IMPORTED!r}), len(imported), counts]))
"""


@pytest.mark.parametrize("starts", [False, True])
def test_importing_and_starting_a_watcher_costs_little(tmp_path: Path, starts: bool) -> None:
    """No module that only problems need, few classes whose code is generated, few regular expressions."""
    path = tmp_path / "config.toml"
    path.write_text("port = 2\n")
    arguments = [str(path)] if starts else []
    done = subprocess.run([sys.executable, "-c", COUNTED, *arguments], capture_output=True, check=True)
    unwanted, modules, counts = json.loads(done.stdout)
    assert unwanted == []
    assert modules < 134
    assert counts["_process_class"] <= 19  # a millisecond each
    assert counts["namedtuple"] <= 81
    assert counts["_compile"] <= (17 if starts else 14)  # three are of `logging`
