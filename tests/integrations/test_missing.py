"""A framework that is not installed: one sentence, with the extra's name."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import hotconf.integrations
from hotconf.integrations.missing import needs

HERE = Path(hotconf.integrations.__file__).parent
MODULES = sorted(path.stem for path in HERE.glob("*.py") if path.stem not in ("__init__", "missing"))
EXTRAS = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]["optional-dependencies"]
ALONE = """
import importlib, sys
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1].split(","):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Nothing())
for module in sys.argv[2:]:
    try:
        importlib.import_module(f"hotconf.integrations.{module}")
    except ModuleNotFoundError as error:
        assert error.__suppress_context__
        print(error)
    else:
        print("needs nothing")
"""
"""Imports integrations where frameworks are not installed."""
FRAMEWORKS = "asgiref,celery,django,fastapi,flask,prometheus_client,starlette,werkzeug"


def test_one_sentence_names_the_extra() -> None:
    """Each integration says which extra it needs, or needs none."""
    done = subprocess.run(
        [sys.executable, "-c", ALONE, FRAMEWORKS, *MODULES], capture_output=True, text=True, check=True
    )
    said = dict(zip(MODULES, done.stdout.splitlines(), strict=True))
    for module, text in said.items():
        begin, end = f"hotconf.integrations.{module} needs ", f": pip install 'hotconf[{module}]'"
        assert (text.startswith(begin) and text.endswith(end)) if module in EXTRAS else text == "needs nothing", text


def test_what_an_installed_package_lacks_is_its_own() -> None:
    """No extra helps there."""
    with pytest.raises(ModuleNotFoundError, match="No module named 'sqlparse'"), needs("django"):
        raise ModuleNotFoundError("No module named 'sqlparse'", name="sqlparse")


def test_other_packages_than_the_extras_name() -> None:
    """The sentence names the package that the program imports, and the extra."""
    said = "needs prometheus_client: pip install 'hotconf.prometheus.'"
    with pytest.raises(ModuleNotFoundError, match=said), needs("prometheus", "prometheus_client"):
        raise ModuleNotFoundError("No module named 'prometheus_client'", name="prometheus_client")
