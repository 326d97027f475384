"""mypy, pyright and basedpyright, all strict, accept what users write: the examples, every Python example of the
documentation, and the files of this folder, in which they find the same mistakes. Snippets of frameworks that have no
types are read by mypy alone: the others would report what they guess of these.

`make lint` has mypy read the folder and the examples; the rest is a test, because it takes half a minute of CPU.
Both pyrights bring their program and Node.js in their wheels: nothing is downloaded.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from realtools import workplace
from typing_snippets import ROOT, UNTYPED, write

BIN = Path(sys.executable).parent
UNKNOWN = (
    *("reportMissingTypeStubs", "reportUnknownMemberType", "reportUnknownVariableType", "reportUnknownArgumentType"),
    *("reportUnknownParameterType", "reportUnknownLambdaType", "reportUntypedFunctionDecorator"),
    *("reportUntypedClassDecorator", "reportUntypedBaseClass", "reportMissingTypeArgument"),
)


HERE = sorted(path for path in Path(__file__).parent.glob("*.py") if not path.name.startswith("test_"))
EXAMPLES = sorted(path for path in (ROOT / "examples").iterdir() if path.is_dir())


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory with the examples of the documentation as modules."""
    with workplace("typing") as directory:
        assert write(directory) >= 40
        yield directory


def read_by(*command: str | Path, **environment: str) -> str:
    """What a checker says of it all; nothing if it agrees."""
    done = subprocess.run(
        [*map(str, command)],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=280,
    )
    return done.stdout if done.returncode else ""


def test_mypy(place: Path) -> None:
    """Without the plugin of pydantic, which users need not have."""
    config = place / "mypy.ini"
    config.write_text(
        "[mypy]\nstrict = true\n[mypy-pydantic_settings.*,django.*,celery.*]\nignore_missing_imports = true\n"
    )
    cache = ROOT / ".mypy_cache" / "users"
    said = read_by(BIN / "mypy", "--config-file", config, "--cache-dir", cache, *HERE, *sorted(place.rglob("*.py")))
    assert not said, said


@pytest.mark.parametrize("checker", ["pyright", "basedpyright"])
def test_pyright(place: Path, checker: str) -> None:
    """Each mistake that is marked is found, and no other."""
    up = os.path.relpath(ROOT, place)
    off = {name: dict.fromkeys(UNKNOWN, "none") for name in UNTYPED}
    places = [{"root": f"{up}/examples/{path.name}", **off.get(path.name, {})} for path in EXAMPLES]
    config = {
        "include": [".", *(f"{up}/{path.relative_to(ROOT)}" for path in (*EXAMPLES, *HERE))],
        "exclude": ["untyped"],
        "extraPaths": ["."],
        "executionEnvironments": places,
        "pythonVersion": "3.11",
        "typeCheckingMode": "strict",
        "enableTypeIgnoreComments": False,
        "reportUnnecessaryTypeIgnoreComment": "error",
    }
    project = place / "pyrightconfig.json"
    project.write_text(json.dumps(config))
    said = read_by(
        BIN / checker, "--pythonpath", sys.executable, "--project", project, PYRIGHT_PYTHON_IGNORE_WARNINGS="1"
    )
    assert not said, said
