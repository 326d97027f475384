"""The fleet is an extra: who does not use it imports nothing of it."""

from __future__ import annotations

import subprocess
import sys

from hotconf import fleet

MISSING = """
import sys
sys.modules["httpcore"] = None
try:
    import hotconf.fleet.etcd.transport
except ModuleNotFoundError as error:
    print(error)
"""


def test_one_sentence_names_the_extra() -> None:
    """Without httpx."""
    done = subprocess.run([sys.executable, "-c", MISSING], capture_output=True, text=True, check=True)
    assert done.stdout == "hotconf.fleet needs httpcore: pip install 'hotconf[fleet]'\n"


def test_httpx_itself_is_not_imported() -> None:
    """It would import a command line, with click and perhaps rich."""
    shown = "import sys, hotconf.fleet.etcd.gateway; print({'httpx', 'click', 'asyncio'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_all_public_names_are_there() -> None:
    """Each of `__all__` can be imported."""
    assert [name for name in fleet.__all__ if not hasattr(fleet, name)] == []
