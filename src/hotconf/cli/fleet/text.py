"""The output of the fleet's commands, as text and as JSON, without values of a configuration."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final

from hotconf.text import natural, printable, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hotconf.fleet import FleetStatus, Member, Pruned, Published, Waited
    from hotconf.fleet.protocol.known import Unreadable
    from hotconf.fleet.protocol.records import Pause
    from hotconf.fleet.publishing.results import State
    from hotconf.report.ndjson import Json

_MOST: Final = 20
_LONGEST: Final = 300
_WORDS: Final[dict[State, str]] = {
    "ack": "accepted",
    "nack": "refused",
    "deferred": "deferred",
    "paused": "paused",
    "ahead": "ahead",
    "behind": "not answered",
}
"""The states, in the order of their counts."""


def counted(number: int, noun: str = "process") -> str:
    """`1 process`, `2 processes`."""
    many = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else many}"


def published_line(published: Published) -> str:
    """`version 7 (epoch 12), rollback by ann@build at 2026-01-01T00:00:00Z, canary 10%: note`."""
    what = "" if published.action == "publish" else f"{published.action} "
    canary = "" if published.canary is None else f", canary {published.canary}, the others {published.stable}"
    whole = f", {published.asked}" if published.asked else ""
    note = f": {published.note}" if published.note else ""
    line = f"version {published.version} (epoch {published.epoch}), {what}by {published.by} at {published.at}"
    return printable(f"{line}{canary}{whole}{note}")


def published_json(published: Published) -> dict[str, Json]:
    """The same, as JSON."""
    return {key: value for key, value in asdict(published).items() if key != "publish_id"}


def status_lines(status: FleetStatus, *, everyone: bool = False) -> Iterator[str]:
    """The current version, counts by state and version, and the processes: all if they are few, or with `everyone`;
    else those that need attention.
    """
    current = status.current
    if current is not None:
        yield f"current: {published_line(current)}"
    else:
        yield "nothing is published yet" if status.nothing else "current: not understood"
    yield from problem_lines(status.unreadable)
    if status.offer is not None:
        offer = status.offer
        version, by, asks = offer.document.version, printable(offer.by), printable(offer.asks)
        yes = sum((each.vote.answer, each.vote.version) == ("yes", version) for each in status.members)
        yield f"offered: version {version}, {asks}, by {by}: {yes} of {len(status.members)} ready"
    if status.pause is not None:
        yield pause_line(status.pause).replace("paused", "paused:", 1).replace("::", ":", 1)
    if not status.members:
        yield "no process is registered"
        return
    states = ", ".join(f"{status.states[state]} {_WORDS[state]}" for state in _WORDS if status.states[state])
    yield f"{counted(len(status.members))}: {states}"
    everyone = everyone or len(status.members) <= _MOST
    for version, number in sorted(status.versions.items(), key=lambda pair: (-pair[1], natural(pair[0]))):
        what = printable(f"version {version}") if version else "nothing, or a kept state"
        yield f"  {what}: {counted(number)}"
        for member in status.members if everyone else ():
            if member.version == version:
                yield printable(f"    {_member_text(member)}")
    if everyone:
        return
    if canaries := [printable(member.name) for member in status.members if member.canary]:
        more = f" and {len(canaries) - _MOST} more" if len(canaries) > _MOST else ""
        yield f"canaries: {', '.join(canaries[:_MOST])}{more}"
    yield from member_lines("refused", status.of("nack"))
    yield from member_lines("ahead of the current version", status.of("ahead"))
    yield from member_lines("deferred", status.of("deferred"))
    yield from member_lines("not answered yet", status.of("behind"))
    yield "(--all lists every process)"


def _member_text(member: Member) -> str:
    """`web-1 (pid 1234) on host, zone=eu, canary, refused: reason`."""
    labels = [f"{key}={value}" for key, value in sorted(member.labels.items())]
    canary = ["canary"] if member.canary else []
    state = [] if member.state == "ack" else [f"{_WORDS[member.state]}{_reason(member)}"]
    return ", ".join([f"{member.name} on {member.host}", *labels, *canary, *state])


def _reason(member: Member) -> str:
    # That of one that has not answered is about what was current before.
    return f": {shortened(member.reason, _LONGEST)}" if member.reason and member.state != "behind" else ""


def problem_lines(unreadable: Sequence[Unreadable]) -> Iterator[str]:
    """The keys that are not understood, one line each."""
    for each in unreadable[:_MOST]:
        yield printable(f"problem: {each}")
    if len(unreadable) > _MOST:
        yield f"problem: {len(unreadable) - _MOST} more keys are not understood"


def member_lines(title: str, members: Sequence[Member]) -> Iterator[str]:
    """A line for each of `members`, with its reason."""
    if not members:
        return
    yield f"{title}:"
    for member in members[:_MOST]:
        serves = f"version {member.version}" if member.version else "a kept state, or nothing"
        yield printable(f"  {member.name} on {member.host} serves {serves}{_reason(member)}")
    if len(members) > _MOST:
        yield f"  … and {len(members) - _MOST} more"


def pause_line(pause: Pause) -> str:
    """`paused by ann@build at 2026-01-01T00:00:00Z: maintenance`."""
    who = f" by {pause.by} at {pause.at}" if pause.at else ""
    return printable(f"paused{who}{f': {pause.note}' if pause.note else ''}")


def status_json(status: FleetStatus, asked: str | None = None) -> dict[str, Json]:
    """The status, as JSON. `asked`: the version whose votes are shown; by default, the offered one."""
    if asked is None and status.offer is not None:
        asked = status.offer.document.version
    found: dict[str, Any] = asdict(status)
    found["current"] = None if status.current is None else published_json(status.current)
    found["states"] = {state: status.states[state] for state in _WORDS}
    found["versions"] = dict(status.versions)
    found["lag"] = status.lag
    found["problems"] = [{"key": each.key, "problem": str(each)} for each in status.unreadable]
    del found["unreadable"]
    for member in found["members"]:
        member.pop("boot")
        vote = member.pop("vote")
        counts = vote["version"] == asked
        # A refusal has a reason of its own: `reason` is about what is current.
        member["vote"] = vote["answer"] if counts else None
        member["vote_reason"] = vote["reason"] if counts else ""
    return found


def failure_json(error: BaseException) -> dict[str, Json]:
    """Why a command failed, and who refused, did not answer, or was faster, as JSON."""
    cause = error.__cause__ or error
    refused, missing = getattr(cause, "refused", ()), getattr(cause, "missing", ())
    found: dict[str, Json] = {
        "error": getattr(error, "message", None) or str(error) or "it was interrupted",
        "refused": [{"instance": each.instance, "pid": each.pid, "reason": each.vote.reason} for each in refused],
        "missing": [{"instance": each.instance, "pid": each.pid} for each in missing],
    }
    if (current := getattr(cause, "current", None)) is not None:
        found["current"] = published_json(current)
    return found


def voted_lines(status: FleetStatus, version: str) -> Iterator[str]:
    """What they said when they were asked."""
    votes: dict[str | None, list[Member]] = {"yes": [], "no": [], None: []}
    for member in status.members:
        votes[member.vote.answer if member.vote.version == version else None].append(member)
    yield f"prepared before by {len(votes['yes'])} of {counted(len(status.members))}"
    refused = [replace(each, reason=each.vote.reason, state="nack") for each in votes["no"]]
    yield from member_lines("said no", refused)  # why, whether or not its record has caught up since
    yield from member_lines("had not answered", [replace(each, reason="") for each in votes[None]])


def pruned_text(pruned: Pruned) -> str:
    """`5 entries of the history (epochs 1 to 4, 7) and 1 document (version 2)`."""
    entries, documents = len(pruned.epochs), len(pruned.versions)
    parts = []
    if entries:
        noun = "epoch" if entries == 1 else "epochs"
        parts.append(f"{counted(entries, 'entry')} of the history ({noun} {_ranges(pruned.epochs)})")
    if documents:
        noun = "version" if documents == 1 else "versions"
        parts.append(f"{counted(documents, 'document')} ({noun} {_ranges(tuple(map(int, pruned.versions)))})")
    return " and ".join(parts)


def _ranges(numbers: Sequence[int]) -> str:
    """`1 to 4, 7`: rising numbers."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    said = [f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs]
    return ", ".join([*said[:_MOST], *(["…"] if len(said) > _MOST else [])])


def pruned_json(pruned: Pruned) -> dict[str, Json]:
    """The same, as JSON."""
    deleted: dict[str, Json] = {"epochs": list(pruned.epochs), "versions": list(pruned.versions)}
    return {"deleted": deleted, "entries_left": pruned.entries_left, "documents_left": pruned.documents_left}


def waited_lines(waited: Waited) -> Iterator[str]:
    """The result of a publish."""
    total = len(waited.status.members)
    if waited.superseded:
        now = waited.status.current
        yield f"something else became current meanwhile{'' if now is None else f': {published_line(now)}'}"
        return
    if not total:
        yield "no process is registered: none serves it yet"
        return
    accepted = total - len(waited.refused) - len(waited.missing)
    yield f"accepted by {accepted} of {counted(total)}"
    yield from member_lines("refused", waited.refused)
    if (pause := waited.status.pause) is not None and waited.status.states["paused"]:
        number = waited.status.states["paused"]
        yield f"{pause_line(pause)}: {counted(number)} {'waits' if number == 1 else 'wait'} until it is resumed"
    waiting = [member for member in waited.missing if member.state not in ("behind", "paused")]
    yield from member_lines("waiting", waiting)
    yield from member_lines("not answered", [member for member in waited.missing if member.state == "behind"])
