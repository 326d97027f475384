"""The examples of the page about files that a configuration names run as they stand, and print what it says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from docs.examples import blocks, prints_what_it_says

EXAMPLES = blocks("docs/files.md", "python")


def test_there_are_examples():
    """A prompt, a certificate with its key, and a value of a test."""
    assert len(EXAMPLES) == 3


@pytest.mark.parametrize("block", EXAMPLES)
def test_examples_print_what_they_say(block: str, tmp_path: Path):
    """Each by itself in an empty directory."""
    if "openssl" in block and shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificates")
    prints_what_it_says(block, tmp_path)
