"""The status line: what is true now, at a glance, and under it what needs attention."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hotconf.events import FileChanged, ReloadDeferred, ReloadFailed, ReloadSuccess, ReloadUnchanged
from hotconf.problems import tally
from hotconf.report.notification import degraded
from hotconf.text import printable, source_name
from hotconf.tui.view.rows import RESTART, WARNING, Span, Tone, counted
from hotconf.tui.view.stream import SYMBOLS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hotconf.tui.view.view import View

_WORDS: Final = {
    ReloadSuccess: "reloaded",
    ReloadUnchanged: "unchanged",
    ReloadFailed: "failed",
    ReloadDeferred: "queued",
}


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that stays until it is dealt with, on a line of its own."""

    text: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Status:
    """What the status line says."""

    file: Span
    state: tuple[Span, ...]
    watch: tuple[str, ...]
    """How the file is watched: in full, and shorter for less room."""
    alerts: tuple[Alert, ...] = ()
    message: Span | None = None
    """What is said in passing."""


def status(view: View, now: datetime, home: Path | None = None, *, waits: str | None = None) -> Status:
    """The status at `now`. `home` is written `~`. `waits`: why the round takes longer than the window."""
    return Status(
        file=Span(_short(view.facts.path, home), "strong"),
        state=tuple(_state(view, now, waits)),
        watch=tuple(_watch(view)),
        alerts=tuple(_alerts(view)),
    )


def remaining_s(view: View, now: datetime) -> float | None:
    """Seconds until the window ends, 0 if it should have ended; None if nothing settles."""
    if view.touched is None:
        return None
    end = view.touched + timedelta(milliseconds=view.facts.debounce_ms)
    return max(0.0, (end - now).total_seconds())


def _state(view: View, now: datetime, waits: str | None) -> Iterator[Span]:
    if view.facts.generation:
        yield Span(f"generation {view.facts.generation}")
    left = remaining_s(view, now)
    if left is not None:
        symbol, _ = SYMBOLS[FileChanged]
        if waits:
            yield Span(f"{symbol} settling ({waits})", "warn")
        else:
            yield Span(f"{symbol} settling {left:.1f} s" if left else f"{symbol} settling", "accent")
    elif view.last is not None and view.recovered:
        yield Span(f"✓ valid again {_time(view.last.at)}", "good")
    elif view.last is not None:
        symbol, tone = SYMBOLS[type(view.last)]
        yield Span(f"{symbol} {_WORDS[type(view.last)]} {_time(view.last.at)}", tone)
    elif view.facts.snapshot is not None:
        yield Span(f"✓ loaded {_time(view.facts.snapshot.loaded_at)}", "good")
    elif view.facts.started:
        yield Span(f"waiting for a valid {'document' if source_name(view.facts.path) else 'file'}", "warn")
    else:
        yield Span("starting", "muted")
    if view.warnings.now:
        number, new = len(view.warnings.now), len(view.warnings.new)
        more = f", {new} new" if 0 < new < number else ""
        yield Span(f"{WARNING} {counted(number, 'warning')}{more}", "warn")


def _watch(view: View) -> Iterator[str]:
    facts = view.facts
    if not facts.started:
        return
    if source_name(facts.path) and facts.enabled:
        kind = facts.path.parts[1].strip("()")
        files = f" and {counted(len(facts.watching), 'file')}" if facts.watching else ""
        yield f"following {kind}{files}"
        yield f"following {kind}"
        return
    if not facts.watching:
        yield "not watching"
        return
    files, window = counted(len(facts.watching), "file"), facts.debounce_ms
    yield f"watching {files} · debounce {window} ms · {facts.observer}"
    yield f"{files} · debounce {window} ms"
    yield f"{files} · {window} ms"


def _alerts(view: View) -> Iterator[Alert]:
    if view.failed is not None:
        yield Alert(f"✗ {_failure(view.failed)}", "bad")
    elif refused := view.others.headline:
        yield Alert(f"✗ {refused}", "bad")
    if view.facts.degraded and view.facts.snapshot is not None:
        yield Alert(f"↺ {degraded(view.facts.snapshot)}", "bad")
    pending = view.facts.pending
    if pending is not None:
        reasons = printable(", ".join(pending.reasons))
        yield Alert(f"‖ 1 reload queued: waiting for {reasons} (press f to apply it now)", "warn")
    waiting = view.facts.snapshot.pending_restart if view.facts.snapshot is not None else ()
    if waiting:
        named = ", ".join(change.dotted or "value" for change in waiting)
        yield Alert(f"{RESTART} restart required for {printable(named)}", "warn")
    if view.facts.started and view.facts.snapshot is not None and not view.facts.enabled:
        yield Alert("○ hot reload off: edits are not noticed (press r to reload)", "warn")
    if view.drift:
        what = "the document differs" if source_name(view.facts.path) else "the files differ"
        yield Alert(f"≠ drift: {what} from generation {view.facts.generation} (press r to reload)", "warn")
    yield from (Alert(f"{WARNING} {printable(trouble)}", "warn") for trouble in view.troubles)
    if view.lost:
        yield Alert(f"{WARNING} {counted(view.lost, 'event')} came too fast to be shown", "warn")


def _failure(event: ReloadFailed) -> str:
    """The first error, and how many there are; `failed: …` for the only one."""
    if len(event.problems) == 1:
        return f"failed: {event.error}"
    found = [text if severity == "error" else f"{WARNING} {text}" for severity, text in tally(event.problems)]
    first = next((problem for problem in event.problems if problem.severity == "error"), None)
    return f"{', '.join(found)}: {first or event.error}"


def _time(moment: datetime) -> str:
    return f"{moment.astimezone():%H:%M:%S}"


def _short(path: Path, home: Path | None) -> str:
    if name := source_name(path):
        return name
    if home is not None and path.is_relative_to(home):
        return str(Path("~") / path.relative_to(home))
    return str(path)
