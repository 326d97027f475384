"""The README's examples run as they stand, and print what it says."""

from pathlib import Path

import pytest

from docs.examples import blocks, prints_what_it_says
from hotconf.inspection.inspect import inspect
from hotconf.sources.base import Options
from hotconf.speckit import SPECKIT

README = "README.md"


def test_there_are_examples():
    """The README has Python and TOML examples for the tests below to run."""
    assert len(blocks(README, "python")) >= 2
    assert blocks(README, "toml")


@pytest.mark.parametrize("block", blocks(README, "python"))
def test_python_examples_print_what_they_say(block: str, tmp_path: Path):
    """Each Python example runs by itself in an empty directory, and its `# ->` comments are its output, in order."""
    prints_what_it_says(block, tmp_path)


@pytest.mark.parametrize("block", blocks(README, "toml"))
def test_toml_examples_are_valid(block: str, tmp_path: Path):
    """Each TOML example is a valid configuration for the commands."""
    path = tmp_path / "config.toml"
    path.write_text(block)
    assert inspect(Options(path, SPECKIT)).problems == ()
