"""`Recorder`: what was done and emitted, with the instant, in a form that reads well in a test."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TypeAlias

from hotconf.engine.debounce import MILLISECOND
from hotconf.engine.protocol import Answer, Cancel, Changed, Effect, Emit, Judge, Load, Prepare, Publish, Watching
from hotconf.events import ConfigReloadEvent, FileChanged, ReloadDeferred, ReloadFailed, ReloadSuccess

Recorded: TypeAlias = Effect | ConfigReloadEvent


class Recorder:
    """Keeps what it is given, in order. Call it with an event (as a subscriber is) or with an effect."""

    __slots__ = ("items", "now")

    def __init__(self) -> None:
        self.items: list[tuple[int, Recorded]] = []
        self.now = 0
        """The instant that is recorded with what comes next."""

    def __call__(self, item: Recorded) -> None:
        """Keep one more."""
        self.items.append((self.now, item))

    @property
    def events(self) -> list[ConfigReloadEvent]:
        """The events among them, emitted or given as such."""
        kept = (item.event if isinstance(item, Emit) else item for _, item in self.items)
        return [item for item in kept if isinstance(item, ConfigReloadEvent)]

    @property
    def story(self) -> str:
        """All of them, by instant, in milliseconds: `4: Load 1; 300: Publish 2, ReloadSuccess 2`."""
        instants = groupby(self.items, key=lambda item: item[0])
        return "; ".join(
            f"{instant / MILLISECOND:g}: {', '.join(described(item) for _, item in items)}"
            for instant, items in instants
        )


def described(item: Recorded) -> str:
    """`item` in a few words: its name and what tells it apart from others of its kind."""
    return _judged(item) if isinstance(item, Judge) else _described(item)


def _described(item: Recorded) -> str:
    match item:
        case Emit(event, repeated=repeated):
            return f"{described(event)}{' again' * repeated}"
        case Prepare(number) | Cancel(number):
            return f"{type(item).__name__} {number}"
        case Changed(source):
            return f"Changed {source.name if isinstance(source, Path) else source}"
        case Load(number, afresh, revalidate, offer):
            return f"Load {number}{' afresh' * afresh}{' anew' * revalidate}{' of the offer' * bool(offer)}"
        case Publish(generation=generation, recalled=recalled):
            return f"Publish {generation} recalled" if recalled else f"Publish {generation}"
        case Answer(callers, event):
            return f"Answer {','.join(map(str, callers))}: {described(event) if event else 'nothing'}"
        case Watching(on):
            return f"Watching {'on' if on else 'off'}"
        case FileChanged(path):
            return f"FileChanged {path.name}"
        case ReloadDeferred(reasons):
            return f"ReloadDeferred {','.join(reasons)}"
        case ReloadSuccess(generation):
            return f"ReloadSuccess {generation}"
        case ReloadFailed(kind=kind):
            return f"ReloadFailed {kind}"
        case _:
            return type(item).__name__


def _judged(item: Judge) -> str:
    why = item.problems[0].kind if item.problems else item.reason
    return f"Judge {item.number} {item.verdict}{f': {why}' if why else ''}"
