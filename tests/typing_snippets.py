"""Every Python example of the documentation as a module, so that type checkers can read it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(
    r"(?:^<!-- types:\n(?P<before>.*?)^-->\n+)?^```python\n(?P<code>.*?)^```", re.DOTALL | re.MULTILINE
)
"""A block, and what a fragment takes for granted:

    <!-- types:
    from myapp import AppConfig
    -->
"""
FILE = re.compile(r"# ((?:[\w-]+/)*(\w+)\.py)\n")
"""The first line of a block that is a file, which other blocks of its page may import."""

UNTYPED = ("celery", "django")
"""Frameworks that have no types: what comes from them is unknown, whatever is done with it."""
IMPORTS_UNTYPED = re.compile(rf"^\s*(?:from|import) (?:{'|'.join(UNTYPED)}|fastapi\.testclient)\b", re.MULTILINE)
"""Starlette's test client has types only where httpx2 is installed, too."""


def snippets(page: Path) -> dict[str, str]:
    """The modules of a page by their names, which begin with the page's."""
    prefix = page.stem.lower()
    blocks = list(BLOCK.finditer(page.read_text(encoding="utf-8")))
    files = [found[2] if (found := FILE.match(block["code"])) else None for block in blocks]
    names = "|".join(filter(None, files)) or "(?!)"
    imported = re.compile(rf"^(\s*(?:from|import) )({names})\b", re.MULTILINE)
    whole = re.compile(rf"^(\s*import )({names})$", re.MULTILINE)
    modules: dict[str, str] = {}
    for number, (block, file) in enumerate(zip(blocks, files, strict=True)):
        before = block["before"] or ""
        name = f"{prefix}_{file or number}"
        name = name if name not in modules else f"{name}_{number}"
        code = whole.sub(r"\1\2 as \2", before + block["code"])
        modules[name] = imported.sub(rf"\1{prefix}_\2", code)
    return modules


def write(directory: Path) -> int:
    """Write the modules of all pages into `directory`; those of untyped frameworks into `untyped` there.

    Returns how many there are.
    """
    (directory / "untyped").mkdir()
    count = 0
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for name, code in snippets(page).items():
            folder = directory / "untyped" if IMPORTS_UNTYPED.search(code) else directory
            (folder / f"{name}.py").write_text(code, encoding="utf-8")
            count += 1
    return count
