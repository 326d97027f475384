"""The examples of the page about logging run as they stand, and print what they say."""

from __future__ import annotations

from pathlib import Path

from docs.examples import blocks, prints_what_it_says


def test_the_examples_print_what_they_say(tmp_path: Path):
    """A table with a level that is raised, and one that there is not; and a level from a field."""
    table, field = blocks("docs/loggers.md", "python")
    prints_what_it_says(table, tmp_path)
    prints_what_it_says(field, tmp_path)
