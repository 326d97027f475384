"""The README's examples, and those of the page on several files, run as they stand."""

from pathlib import Path

import pytest

from docs.examples import ROOT, blocks, prints_what_it_says
from hotconf.inspection.inspect import inspect
from hotconf.sources.base import Options
from hotconf.speckit import SPECKIT

README = "README.md"
FRAGMENTS = "docs/fragments.md"


def test_there_are_examples():
    """There are Python and TOML examples for the tests below to run."""
    assert blocks(README, "python")
    assert blocks(FRAGMENTS, "toml")


def test_it_is_a_screen_or_two():
    """The rest is in the documentation."""
    assert len((ROOT / README).read_text(encoding="utf-8").splitlines()) <= 120


@pytest.mark.parametrize("block", blocks(README, "python"))
def test_python_examples_print_what_they_say(block: str, tmp_path: Path):
    """Each Python example runs by itself in an empty directory, and its `# ->` comments are its output, in order."""
    prints_what_it_says(block, tmp_path)


@pytest.mark.parametrize("block", blocks(FRAGMENTS, "toml"))
def test_toml_examples_are_valid(block: str, tmp_path: Path):
    """Each TOML example is a valid configuration for the commands."""
    path = tmp_path / "config.toml"
    path.write_text(block)
    assert inspect(Options(path, SPECKIT)).problems == ()
