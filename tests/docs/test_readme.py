"""The README's examples run as they stand, and print what it says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from hotconf.inspection.inspect import inspect
from hotconf.speckit import SPECKIT

README = Path(__file__).parents[2] / "README.md"


def blocks(language: str) -> list[str]:
    """The README's fenced blocks in `language`."""
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)


def promised(block: str) -> list[str]:
    """What a block says that it prints."""
    return re.findall(r"# -> (.*?)(?:   \(.*\))?$", block, re.MULTILINE)


def test_there_are_examples():
    """The README has Python and TOML examples for the tests below to run."""
    assert len(blocks("python")) >= 2
    assert blocks("toml")


@pytest.mark.parametrize("block", blocks("python"))
def test_python_examples_print_what_they_say(block: str, tmp_path: Path):
    """Each Python example runs by itself in an empty directory, and its `# ->` comments are its output, in order."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", block], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    lines = iter(done.stdout.splitlines())
    expected = promised(block)
    assert expected
    for text in expected:
        assert any(line == text for line in lines), f"{text!r} is not in {done.stdout!r}"


@pytest.mark.parametrize("block", blocks("toml"))
def test_toml_examples_are_valid(block: str, tmp_path: Path):
    """Each TOML example is a valid configuration for the commands."""
    path = tmp_path / "config.toml"
    path.write_text(block)
    assert inspect(path, SPECKIT).problems == ()
