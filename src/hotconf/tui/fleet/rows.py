"""A fleet as rows: the current version, the processes by state, and the history.

Many processes are grouped: those that refuse by reason, those that accept by the version they serve.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Final

from hotconf.fleet.typed import folded
from hotconf.report.cells import cut, width, wrapped
from hotconf.text import natural, printable
from hotconf.tui.past.timeline import when
from hotconf.tui.view.rows import WARNING, Row, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from hotconf.fleet import FleetStatus, Member, Published
    from hotconf.fleet.publishing.results import State
    from hotconf.tui.view.rows import Key, Tone

MOST_LISTED: Final = 20
"""More processes are grouped, and folded."""
_LABEL: Final = 10
_BAR: Final = 30
_MOST_VERSIONS: Final = 8
_TITLES: Final[dict[State, tuple[str, Tone]]] = {
    "nack": ("Refused", "bad"),
    "ahead": ("Ahead of the current version", "warn"),
    "behind": ("Not answered yet", "warn"),
    "deferred": ("Deferred", "warn"),
    "paused": ("Paused", "warn"),
    "ack": ("Accepted", "good"),
}
"""In the order on the screen."""
_UNREASONED: Final[frozenset[State]] = frozenset({"ack", "behind"})
"""Without a reason, or with one about an earlier version."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known of a fleet."""

    status: FleetStatus | None = None
    at: datetime | None = None
    """When `status` was last known to be right: now, or when the trouble began."""
    trouble: str | None = None
    """Why `status` may be out of date."""


@dataclass(frozen=True, slots=True)
class Command:
    """A shell command that changes the fleet."""

    line: str
    what: str


def rows(
    fact: Fact,
    history: Sequence[Published] | str,
    commands: Iterable[Command],
    toggled: Mapping[Key, bool],
    room: int,
    today: date,
) -> tuple[Row, ...]:
    """The whole screen, `room` columns wide. `history`: newest first, or why it could not be read."""
    status = fact.status
    found = list(_trouble(fact, room, today))
    if status is None:
        return tuple(found) or (Row(("none",), (Span("Asking etcd…", "muted"),)),)
    found += _current(status, room, today)
    found.append(Row(("gap", "counts"), ()))
    found += _counts(status, room)
    for state, (title, tone) in _TITLES.items():
        if members := status.of(state):
            found += _section(state, title, tone, members, toggled, room, today)
    found.append(Row(("gap", "commands"), ()))
    found += _commands(commands, room)
    found.append(Row(("gap", "history"), ()))
    found += _history(status.current, history, room, today)
    return tuple(found)


# The current version


def _trouble(fact: Fact, room: int, today: date) -> Iterator[Row]:
    if fact.trouble is None:
        return
    since = f" This is as it was at {when(fact.at, today)}." if fact.status is not None else ""
    for nth, line in enumerate(wrapped(f"{WARNING} Not connected: {printable(fact.trouble)}.{since}", room)):
        yield Row(("trouble", nth), (Span(line, "warn"),))


def _current(status: FleetStatus, room: int, today: date) -> Iterator[Row]:
    current, offer, pause = status.current, status.offer, status.pause
    if current is None:
        text = "Nothing is published yet" if status.nothing else "What is current is not understood"
        yield Row(("current",), (Span(text, "strong"),))
    else:
        whole = f", {current.asked}" if current.asked else ""
        said = f"{_how(current)}{whole} · {when(_time(current.at), today) or current.at}"
        head = Span(f"version {current.version}", "strong"), Span(f"  epoch {current.epoch} · {said}", "muted")
        yield Row(("current",), (_label("current"), *head), copy=f"version {current.version} (epoch {current.epoch})")
        yield from _lines("note", current.note, "plain", room)
        if current.canary is not None:
            number = sum(member.canary for member in status.members)
            text = f"{current.canary}: {_processes(number)}; all others serve version {current.stable}"
            yield from _lines("canary", text, "accent", room)
    for each in status.unreadable[:MOST_LISTED]:
        yield from _lines(f"problem {each.key}", f"{WARNING} {each}", "warn", room)
    if offer is not None:
        version = offer.document.version
        votes = [each for each in status.members if each.vote.version == version]
        no = [each for each in votes if each.vote.answer == "no"]
        yes = sum(each.vote.answer == "yes" for each in votes)
        more = f", {len(no)} refuse" if len(no) > 1 else ", 1 refuses" if no else ""
        text = f"version {version}, {offer.asks}, by {offer.by}: {yes} of {len(status.members)} ready{more}"
        yield from _lines("offered", text, "accent", room)
        for member in no[:MOST_LISTED]:
            yield from _lines(
                f"no {member.instance} {member.boot}", f"{member.name}: {member.vote.reason}", "bad", room
            )
    if pause is not None:
        who = f"by {pause.by} since {when(_time(pause.at), today)}" if pause.at else ""
        yield from _lines("paused", ": ".join(filter(None, (who, pause.note))) or "by hand", "warn", room)


def _label(text: str) -> Span:
    return Span(f"{text:<{_LABEL}}", "muted")


def _lines(name: str, text: str, tone: Tone, room: int) -> Iterator[Row]:
    """A text of any length behind its label; names that are too long are left out."""
    if not text:
        return
    text = printable(text)
    for nth, line in enumerate(wrapped(text, room - _LABEL - 2)):
        label = name if not nth and len(name) < _LABEL else ""
        yield Row(("current", name, nth), (_label(label), Span(line, tone)), copy=text)


def _how(published: Published) -> str:
    return f"{published.action} by {published.by}" if published.by else published.action


# Who runs what


def _counts(status: FleetStatus, room: int) -> Iterator[Row]:
    total = len(status.members)
    if not total:
        yield Row(("counts",), (Span("No process is registered", "muted"),))
        return
    said: list[Span] = [Span(_processes(total), "strong")]
    for state, (title, tone) in _TITLES.items():
        if number := status.states[state]:
            said += [Span(" · "), Span(f"{number} {title.lower()}", tone)]
    if status.lag > 1:
        said.append(Span(f" · the last is {status.lag} epochs behind", "warn"))
    yield Row(("counts",), tuple(said))
    versions = sorted(status.versions.items(), key=lambda pair: (-pair[1], natural(pair[0])))
    names = {version: _serving(version) for version, _ in versions[:_MOST_VERSIONS]}
    column = max(map(len, names.values()))
    longest = max(min(_BAR, room - column - 16), 5)
    current = status.current
    for version, name in names.items():
        number = status.versions[version]
        bar = "█" * max(1, number * longest // total)
        fresh = current is not None and version in (current.version, current.stable)
        spans = Span(f"{name:<{column}}  "), Span(f"{bar:<{longest}}", "good" if fresh else "warn")
        yield Row(("version", version), (*spans, Span(f"  {number}")), depth=1)
    if len(versions) > len(names):
        yield Row(
            ("version", "more"), (Span(f"… and {len(versions) - len(names)} other versions", "muted"),), depth=1
        )


def _section(
    state: State,
    title: str,
    tone: Tone,
    members: Sequence[Member],
    toggled: Mapping[Key, bool],
    room: int,
    today: date,
) -> Iterator[Row]:
    key: Key = ("state", state)
    opened = toggled.get(key, state != "ack" or len(members) <= MOST_LISTED)
    yield Row(("gap", state), ())
    yield Row(key, (Span(title, tone), Span(f"  {len(members)}", "muted")), expanded=opened)
    if not opened:
        return
    if len(members) <= MOST_LISTED:
        for member in members:
            yield from _member((*key, member.instance, member.boot), member, 1, tone, room, today)
        return
    by = _version if state in _UNREASONED else _reason
    groups = [(text, list(group)) for text, group in groupby(sorted(members, key=by), by)]
    for text, group in sorted(groups, key=lambda pair: -len(pair[1])):
        yield from _group((*key, text), text, group, tone, toggled, room, today)


def _group(
    key: Key,
    text: str,
    members: Sequence[Member],
    tone: Tone,
    toggled: Mapping[Key, bool],
    room: int,
    today: date,
) -> Iterator[Row]:
    """Processes with the same reason or version, folded."""
    opened = toggled.get(key, False)
    number = _processes(len(members))
    shown = cut(printable(text), max(room - width(number) - 6, 10))
    spans = Span(shown, "plain" if tone == "good" else tone), Span(f"  {number}", "muted")
    yield Row(key, spans, depth=1, expanded=opened, copy=printable(text))
    for member in members if opened else ():
        yield from _member((*key, member.instance, member.boot), member, 2, None, room, today)


def _member(key: Key, member: Member, depth: int, tone: Tone | None, room: int, today: date) -> Iterator[Row]:
    """One process, with its reason below, unless its group has that (`tone` is None)."""
    labels = " ".join(f"{name}={value}" for name, value in sorted(member.labels.items()))
    host = f" on {member.host}" if member.host and member.host != member.instance else ""
    said = [f"{_serving(member.version)}{host}", when(_time(member.since), today), labels]
    mark = Span(" canary", "accent") if member.canary else Span("")
    rest = "  ".join(filter(None, said))
    reason = "" if member.state in _UNREASONED else member.reason
    copy = printable(": ".join(filter(None, (f"{member.name} {rest}", reason))))
    yield Row(key, (Span(member.name, "key"), mark, Span(f"  {rest}", "muted")), depth=depth, copy=copy)
    if tone is not None and reason:
        for nth, line in enumerate(wrapped(printable(reason), room - 2 * depth - 6)):
            yield Row((*key, nth), (Span(f"  {line}", tone),), depth=depth + 1, copy=printable(reason))


def _version(member: Member) -> str:
    return _serving(member.version)


def _reason(member: Member) -> str:
    return member.reason or _serving(member.version)


def _serving(version: str) -> str:
    return f"version {version}" if version else "nothing, or a kept state"


def _processes(number: int) -> str:
    return "1 process" if number == 1 else f"{number} processes"


# What was, and what to do


def _commands(commands: Iterable[Command], room: int) -> Iterator[Row]:
    commands = tuple(commands)
    yield Row(("commands",), (Span("To change it, in a shell", "strong"), Span("  y copies the command", "muted")))
    column = max((width(command.line) for command in commands), default=0)
    fits = column + max((width(command.what) for command in commands), default=0) <= room - 6
    for command in commands:
        lines = [f"{command.line:<{column}}"] if fits else list(folded(command.line, room - 4))
        key: Key = ("command", command.line)
        if not fits:
            yield Row((*key, "what"), (Span(command.what, "muted"),), depth=1, copy=command.line)
        for nth, line in enumerate(lines):
            said = (Span(f"  {command.what}", "muted"),) if fits else ()
            yield Row((*key, nth) if nth else key, (Span(line, "accent"), *said), depth=1, copy=command.line)


def _history(current: Published | None, history: Sequence[Published] | str, room: int, today: date) -> Iterator[Row]:
    hint = Span("  Enter compares it with the current version", "muted")
    yield Row(("history",), (Span("Published", "strong"), *((hint,) if len(history) > 1 else ())))
    if isinstance(history, str):
        for nth, line in enumerate(wrapped(f"{WARNING} The history cannot be read: {printable(history)}", room - 4)):
            yield Row(("history", "trouble", nth), (Span(line, "warn"),), depth=1)
        return
    columns = [max((len(getattr(each, name)) for each in history), default=0) for name in ("version", "action")]
    at = max((len(when(_time(each.at), today)) for each in history), default=0)
    for each in history:
        is_now = current is not None and each.epoch == current.epoch
        rule = "" if each.canary is None else f"  canary {each.canary}"
        spans = (
            Span("● " if is_now else "  ", "good"),
            Span(f"version {each.version:<{columns[0]}}  ", "strong" if is_now else "plain"),
            Span(f"{when(_time(each.at), today):<{at}}  {each.action:<{columns[1]}}  ", "muted"),
            Span(f"{each.by}{rule}", "muted"),
            Span(f"  {each.note}" if each.note else ""),
        )
        copy = "  ".join(filter(None, (f"version {each.version}", each.at, _how(each), each.note)))
        right = (Span("current", "good"),) if is_now else ()
        yield Row(("history", each.epoch), spans, right, depth=1, copy=printable(copy))


def _time(text: str) -> datetime | None:
    """A record's time; None if it is malformed."""
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone() if found.tzinfo is not None else None
    except (ValueError, OverflowError):  # of the year 9999 elsewhere, for one
        return None
