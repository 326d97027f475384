"""The figures in the README, taken from `docs/performance.md`, so that the two say the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench.summary import AT_REST, MEDIAN, ONE

HEADER: Final = "| | hotconf | watchdog + timer | watchfiles | dynamic-config-py |\n|---|---|---|---|---|\n"
PEERS: Final = ("hotconf", "watchdog + Timer", "watchfiles", "dynamic-config-py")
RUN: Final = re.compile(
    r"(?<=^Medians of )a (?:quick )?run( on [^(\n]*)\([^)\n]*\): (?:few samples, )?", re.MULTILINE
)
_SURROUNDINGS: Final = "· the configuration, "


def renew(directory: Path) -> None:
    """Bring the README next to `directory` in step with `performance.md` in it."""
    path = directory.parent / "README.md"
    page = (directory / "performance.md").read_text(encoding="utf-8")
    path.write_text(renewed(path.read_text(encoding="utf-8"), page), encoding="utf-8")


def renewed(readme: str, page: str) -> str:
    """`readme` with the figures of `page`."""
    before, header, after = readme.partition(HEADER)
    if not header:
        raise ValueError("the README has no table of figures")
    rest = after[after.index("\n\n") :]
    lines = (f"| {' | '.join(cells)} |" for cells in _lines([*_rows(page)]))
    return RUN.sub(lambda found: _run(found[1], page), before) + header + "\n".join(lines) + rest


def _run(where: str, page: str) -> str:
    at = re.search(r"^- (\d{4}-\d\d-\d\d) ", page, re.MULTILINE)
    if at is None:
        raise ValueError("the page does not say when it was measured")
    day = datetime.strptime(at[1], "%Y-%m-%d").replace(tzinfo=UTC)
    quick = "\n- a quick run" in page
    few = "few samples, " if quick else ""
    return f"a {'quick ' if quick else ''}run{where}({day.day} {day:%B %Y}): {few}"


def _rows(page: str) -> Iterator[tuple[str, ...]]:
    for line in page.splitlines():
        if line.startswith("| "):
            yield tuple(cell.strip() for cell in line.strip("|").split("|"))


def _lines(rows: Sequence[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    found = {
        cells[0]: next((cell for cell in cells[1:] if cell[:1] in "-+0123456789" and cell), "") for cells in rows
    }
    yield "save → visible, beyond the window", *(_median(found[f"save → visible, idle, {peer}"]) for peer in PEERS)
    busy = (_median(found[f"with one busy thread, {peer}"]) for peer in PEERS)
    yield "the same, with another thread busy", *busy
    own = found["read of `watcher.config`, the slowest of three surroundings"]
    recipes = _number(ONE.partition(" ")[0])
    yield "a read, compared with an attribute", _number(own.partition(" ")[0]), recipes, recipes, _reads(rows)
    rests = [AT_REST.fullmatch(found[f"at rest, {peer}"]) for peer in PEERS]
    idle = (f"{_short(rest['cpu'].removesuffix(' %'), 2)} %, {_short(rest['wakeups'], 1)}" for rest in rests if rest)
    yield "idle: CPU, wake-ups per second", *idle
    yield "memory and start-up time", *(f"{rest['memory']}, {rest['start']}" for rest in rests if rest)


def _reads(rows: Sequence[tuple[str, ...]]) -> str:
    """That of the last peer, in the slowest surroundings."""
    factors, within = [0.0], False
    for cells in rows:
        within = cells[0].startswith(_SURROUNDINGS) or (within and cells[0].startswith("· · "))
        if within and cells[0].endswith(PEERS[-1]):
            factors += [float(found[1]) for cell in cells if (found := MEDIAN.fullmatch(cell))]
    return _number(str(max(factors)))


def _median(measured: str) -> str:
    found = MEDIAN.fullmatch(measured)
    if found is None:
        raise ValueError(f"no median: {measured}")
    return f"{_number(found[1])} {found[2]}"


def _number(text: str) -> str:
    return f"{float(text):.{1 if abs(float(text)) < 10 else 0}f}"


def _short(text: str, places: int) -> str:
    """Without zeros that say nothing."""
    return f"{float(text):.{places}f}".rstrip("0").rstrip(".") or "0"
