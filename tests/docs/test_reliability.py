"""`docs/reliability.md`: every test that it names is there."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "reliability.md"
_FILE_OR_NAME = re.compile(r"`([a-z]+/test_[a-z_]+)`(:?)|`([a-z][a-z_0-9]+)`")


def named() -> list[tuple[str, str]]:
    """File and test, for each test in the third column of a table; the test is empty where a whole file is meant."""
    found = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = line.split(" | ")
        if len(cells) != 4 or cells[0] == "| promise":
            continue
        file = ""
        for path, colon, name in _FILE_OR_NAME.findall(cells[2]):
            file = path or file
            if name or not colon:
                found.append((file, name))
    return found


def test_every_named_test_exists() -> None:
    """Under that name, in that file; and there are many."""
    tests = named()
    assert len(tests) > 60
    for file, name in tests:
        text = (TESTS / f"{file}.py").read_text(encoding="utf-8")
        assert not name or f"def test_{name}(" in text, f"{file}: {name}"


def test_every_named_module_exists() -> None:
    """In all pages: a page that sends its reader to a module that was moved is no help."""
    root = TESTS.parent
    there = [path.as_posix() for folder in ("src", "tests", "bench") for path in (root / folder).rglob("*.py")]
    pages = [*(root / "docs").glob("*.md"), root / "README.md", root / "CHANGELOG.md"]
    for page in pages:
        for name in re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.py)[`:]", page.read_text(encoding="utf-8")):
            assert any(path.endswith(f"/{name}") for path in there), f"{page.name}: {name}"
