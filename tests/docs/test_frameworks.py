"""The examples of the page about web frameworks run as they stand, and print what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("django")
pytest.importorskip("fastapi")
pytest.importorskip("flask")
pytest.importorskip("httpx")

from docs.examples import blocks, prints_what_it_says, promised

EXAMPLES = [block for block in blocks("docs/frameworks.md", "python") if promised(block)]


@pytest.mark.parametrize("block", EXAMPLES, ids=["fastapi", "asgi", "flask", "django"])
def test_the_examples_print_what_they_say(block: str, tmp_path: Path) -> None:
    """One for each framework."""
    prints_what_it_says(block, tmp_path)


def test_the_settings_are_those_of_the_example() -> None:
    """What the page says to write is what the example of Django has."""
    [page] = [block for block in blocks("docs/frameworks.md", "python") if not promised(block)]
    site = (Path(__file__).parents[2] / "examples/django/mysite/settings.py").read_text()
    for name in ("INSTALLED_APPS", "MIDDLEWARE", "HOTCONF"):
        [said] = [line.split("  #")[0].rstrip("]") for line in page.splitlines() if line.startswith(name)]
        assert said in site
