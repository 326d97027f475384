"""The latency view: where the time of a reload goes, from what the watcher measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hotconf.report.latency import histogram, phase_bars
from hotconf.tui.view.rows import Row, Span, Tone, counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hotconf.subscribers.stats import Stats

_WIDEST: Final = 96
_HEIGHT: Final = 7


def rows(stats: Stats, width: int) -> tuple[Row, ...]:
    """All of it, in `width` columns."""
    width = min(width, _WIDEST)
    overhead = stats.phases["overhead"]
    lines: list[tuple[str, Tone]] = [(_counts(stats), "plain"), ("", "plain")]
    lines.append(("Overhead: from the window's end until readers see the new configuration", "strong"))
    if overhead.count:
        lines.append((f"p50 {overhead.p50:.2f} ms · p95 {overhead.p95:.2f} ms · max {overhead.max:.2f} ms", "muted"))
    lines += _toned(histogram(overhead.values, width=width, height=_HEIGHT), "accent")
    lines += [("", "plain"), ("Phases", "strong")]
    lines += _toned(phase_bars(stats.phases, width=width), "accent")
    if stats.trouble:
        lines += [("", "plain"), (stats.trouble, "warn")]
    return tuple(Row(("line", number), (Span(text, tone),)) for number, (text, tone) in enumerate(lines))


def _counts(stats: Stats) -> str:
    endings = (f"{number} {ending}" for ending, number in stats.endings.items() if number)
    total = counted(sum(stats.endings.values()), "reload")
    return " · ".join((total, *endings, f"observer: {stats.observer}"))


def _toned(lines: Iterable[str], tone: Tone) -> Iterator[tuple[str, Tone]]:
    return ((line, tone) for line in lines)
