"""What an examination of a path means: what is fine, what to expect, what to fix and how, in plain words."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from shlex import quote
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from hotconf.sources.files.mounts import NETWORK
from hotconf.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from hotconf.sources.files.mounts import Mount

_MISSING: Final = "The file does not exist"


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory in which something decides where the path leads."""

    path: str
    exists: bool
    readable: bool
    """Without this the kernel reports no change in it."""
    writable: bool


@dataclass(frozen=True, slots=True)
class Limit:
    """How much of a limit of inotify is used by this user, as far as can be seen."""

    used: int
    allowed: int


@dataclass(frozen=True, slots=True)
class Probe:
    """A file that was written beside the configuration, to see whether that is noticed."""

    noticed_ms: float | None = None
    """None: not within two seconds, or not tried."""
    observer: str = ""
    skipped: str | None = None
    """Why it was not tried."""


@dataclass(frozen=True, slots=True)
class Other:
    """One more file of the configuration."""

    path: str
    problem: str | None
    """Why it cannot be read; None if it can, or is not there."""
    mount: Mount | None
    mounted_alone: bool
    """It is a mount point itself."""
    exists: bool = True
    of: str = "watch_paths"
    """What names it: those, `layers`, or a value, as one of the `named files`."""


@dataclass(frozen=True, slots=True)
class Examination:
    """All that was found out about one path."""

    path: Path
    links: tuple[tuple[str, str], ...]
    """Each link on the way, with its target."""
    target: str
    """Where it leads in the end."""
    problem: str | None
    """Why the file cannot be read; None if it can."""
    size: int | None
    """None if there is no regular file."""
    max_bytes: int
    directories: tuple[Directory, ...]
    mount: Mount | None
    mounted_alone: bool
    """The file itself is a mount point."""
    instances: Limit | None
    watches: Limit | None
    probe: Probe
    others: tuple[Other, ...] = ()
    unresolved: tuple[str, ...] = ()
    """Why it is not known what some of `watch_paths` stand for."""
    lost: tuple[str, ...] = ()
    """What the entries of `watch_paths` lack that no longer have the files that they had."""
    debounce_ms: int | None = None
    """The window of the program; None if its configuration, which may set it, is not valid."""


INDENT: Final = 21
"""Where the texts of the findings begin, in `lines`."""
Verdict: TypeAlias = Literal["ok", "note", "fix"]

_MADE_UP: Final = frozenset(
    ("cgroup", "cgroup2", "configfs", "debugfs", "devpts", "proc", "securityfs", "sysfs", "tracefs")
)
_SCARCE: Final = 0.9


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    topic: str
    verdict: Verdict
    text: str
    remedy: str | None = None


def findings(seen: Examination) -> tuple[Finding, ...]:
    """All of them, in the order in which a save goes through them."""
    return (
        _file(seen),
        _links(seen),
        _directories(seen),
        _mount(seen.mount, alone=seen.mounted_alone),
        *_others(seen),
        *_limits(seen),
        _probe(seen),
        _expectation(seen),
    )


def to_fix(found: Sequence[Finding]) -> bool:
    """Whether there is something to fix."""
    return any(finding.verdict == "fix" for finding in found)


def lines(seen: Examination) -> list[str]:
    """The examination as people read it."""
    found = [printable(str(seen.path))]
    for finding in findings(seen):
        found.append(f"  {finding.verdict:<5} {finding.topic:<12} {printable(finding.text)}")
        if finding.remedy:
            found.append(f"  {'':<5} {'':<12} → {printable(finding.remedy)}")
    return found


def as_json(seen: Examination) -> dict[str, Any]:
    """The examination as tools read it: the facts, and what they mean."""
    found = findings(seen)
    facts = {**asdict(seen), "path": str(seen.path)}
    return {"ok": not to_fix(found), "findings": [asdict(finding) for finding in found], "facts": facts}


def _file(seen: Examination) -> Finding:
    if seen.problem is not None:
        remedy = "until then, programs that need it do not start, and running ones keep what they have"
        if seen.problem == _MISSING:
            remedy = f"hotconf init {quote(str(seen.path))} creates one; {remedy}"
        return Finding("file", "fix", seen.problem, remedy)
    size = seen.size or 0
    text = f"{_count(size, 'byte')} of at most {seen.max_bytes:,}, readable"
    if size == 0:
        return Finding("file", "fix", "it is empty, which is an error and never means all defaults", "write to it")
    if size > _SCARCE * seen.max_bytes:
        return Finding("file", "note", f"{text}: nearly too large", "split it, or raise max_bytes")
    return Finding("file", "ok", text)


def _links(seen: Examination) -> Finding:
    if not seen.links:
        return Finding("links", "ok", "none on the way")
    way = " → ".join([link for link, _ in seen.links] + [seen.target])
    return Finding("links", "ok", f"{way}: each of them is watched")


def _directories(seen: Examination) -> Finding:
    missing = [each.path for each in seen.directories if not each.exists]
    unreadable = [each.path for each in seen.directories if each.exists and not each.readable]
    if unreadable:
        text = f"no permission to read {', '.join(unreadable)}: the kernel does not report changes in it"
        return Finding("directories", "fix", text, "give this user r and x on it")
    if missing:
        return Finding("directories", "note", f"{', '.join(missing)} does not exist: noticed when it appears")
    fixed = [each.path for each in seen.directories if not each.writable]
    if fixed:
        return Finding("directories", "note", f"this user cannot save in {', '.join(fixed)}; others may")
    return Finding("directories", "ok", f"{_count(len(seen.directories), 'directory')} on the way, readable")


def _mount(mount: Mount | None, *, alone: bool) -> Finding:
    if mount is None:
        return Finding("file system", "note", "this system does not report the file system")
    where = f"{mount.kind} on {mount.point}"
    if alone:
        text = f"{where}: mounted as a single file, so a save that replaces it outside is never seen here"
        return Finding("file system", "fix", text, "mount its directory instead")
    if mount.kind in NETWORK:
        text = f"{where}: the kernel does not report what other machines save; that is found within 2 s"
        return Finding("file system", "note", text)
    if mount.kind.startswith("fuse"):
        text = f"{where}: saves through the mount are reported, changes behind it are found within 2 s"
        return Finding("file system", "note", text)
    if mount.kind in ("overlay", "aufs"):
        text = f"{where}: saves in the container are reported, changes of its lower layers may never be seen"
        return Finding("file system", "note", text, "mount the directory of the configuration as a volume")
    if mount.kind in _MADE_UP:
        return Finding("file system", "note", f"{where}: no real files; changes are found within 2 s, if at all")
    if mount.root != "/" and mount.kind != "btrfs":
        return Finding(
            "file system", "ok", f"{where}, a bind mount of {mount.root}: saves on both sides are reported"
        )
    return Finding("file system", "ok", where)


def _others(seen: Examination) -> Iterator[Finding]:
    """Each that cannot be read; the others by what they lie on."""
    for text in seen.unresolved:
        yield Finding(
            "watch_paths",
            "fix",
            text.removeprefix("watch_paths: "),
            "until then it is not known which files belong to it",
        )
    for text in seen.lost:
        remedy = "until then, running programs keep what they have; if it was removed on purpose, remove the entry"
        yield Finding("watch_paths", "fix", text.removeprefix("watch_paths: "), remedy)
    lies_on: dict[tuple[str, Mount | None, bool], list[str]] = {}
    for other in seen.others:
        if not other.exists:
            yield Finding(other.of, "note", f"{other.path} does not exist: read as soon as it appears")
        elif other.problem is not None:
            remedy = "until then, programs that read it do not start, and running ones keep what they have"
            yield Finding(other.of, "fix", f"{other.path}: {other.problem}", remedy)
        else:
            lies_on.setdefault((other.of, other.mount, other.mounted_alone), []).append(other.path)
    for (of, mount, alone), paths in lies_on.items():
        found = _mount(mount, alone=alone)
        which = paths[0] if len(paths) == 1 else f"{len(paths):,} files"
        yield replace(found, topic=of, text=f"{which} on {found.text}")


def _limits(seen: Examination) -> Iterator[Finding]:
    for what, limit in (("instances", seen.instances), ("watches", seen.watches)):
        if limit is not None:
            yield _limit(what, limit)


def _limit(what: str, limit: Limit) -> Finding:
    text = f"this user uses at least {limit.used:,} of {limit.allowed:,} {what}"
    remedy = f"raise fs.inotify.max_user_{what}, or find who uses them"
    if limit.used >= limit.allowed:
        return Finding("inotify", "fix", f"{text}: none is left", remedy)
    if limit.used >= _SCARCE * limit.allowed:
        return Finding("inotify", "note", f"{text}: few are left", remedy)
    return Finding("inotify", "ok", text)


def _probe(seen: Examination) -> Finding:
    probe = seen.probe
    if probe.observer and probe.skipped is not None:
        return Finding("probe", "fix", f"{probe.skipped}", "changes are found by polling until that is fixed")
    if probe.skipped is not None:
        return Finding("probe", "note", f"skipped: {probe.skipped}")
    if probe.noticed_ms is not None:
        return Finding("probe", "ok", f"a write next to the file was noticed after {probe.noticed_ms:.1f} ms")
    return Finding(
        "probe",
        "fix",
        "a write next to the file was not noticed within 2 s",
        "changes are found by polling every 2 s",
    )


def _expectation(seen: Examination) -> Finding:
    if seen.probe.noticed_ms is not None:
        on = (seen.mount, *(other.mount for other in seen.others))
        local = all(mount is not None and mount.kind not in NETWORK for mount in on)
        text = (
            "a save is noticed at once" if local else "a save on this machine is noticed at once, others within 2 s"
        )
    elif seen.probe.skipped is None or seen.probe.observer:
        text = "a save is noticed within 2 s"
    else:
        text = "a save is noticed at once where the kernel reports it, within 2 s where it does not"
    window = "its debounce window" if seen.debounce_ms is None else f"{seen.debounce_ms:,} ms"
    return Finding("expect", "ok", f"{text}, and loaded after {window} without changes")


def _count(number: int, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"
