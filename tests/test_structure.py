"""The shape of the source: no import cycles, and modules and packages that a reader can hold in mind."""

from __future__ import annotations

from pathlib import Path

import grimp

import hotconf

ROOT = Path(hotconf.__file__).parent
MOST_LINES = 400
MOST_MODULES = 15
WIDE = {"cli"}
"""One module for each command."""


def _cycles(graph: grimp.ImportGraph) -> list[list[str]]:
    """Modules that import each other, directly or not; by Tarjan's algorithm."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        number[module] = low[module] = len(number)
        stack.append(module)
        for other in sorted(graph.find_modules_directly_imported_by(module)):
            if other not in number:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], number[other])
        if low[module] == number[module]:
            at = stack.index(module)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for module in sorted(graph.modules):
        if module not in number:
            visit(module)
    return found


def test_no_module_imports_itself_through_others() -> None:
    """Not even for types, or in a function."""
    assert _cycles(grimp.build_graph("hotconf", cache_dir=None)) == []


def test_a_cycle_is_found() -> None:
    """The search above can fail."""
    graph = grimp.ImportGraph()
    for importer, imported in (("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")):
        graph.add_import(importer=importer, imported=imported)
    assert _cycles(graph) == [["b", "c"]]


def test_no_module_is_too_long() -> None:
    """Beyond 400 lines it has two reasons to change."""
    lines = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in ROOT.rglob("*.py")}
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}


def test_no_package_is_too_wide() -> None:
    """Beyond 15 modules a reader needs a map."""
    packages = {path.parent for path in ROOT.rglob("*.py")}
    modules = {path.relative_to(ROOT).as_posix(): len(list(path.glob("*.py"))) for path in packages}
    assert {name: count for name, count in modules.items() if count > MOST_MODULES and name not in WIDE} == {}
