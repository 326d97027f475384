"""What simulated files say, and what a load makes of that."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from hotconf.changes import Change
from hotconf.engine.candidate import Invalid, Unstable, Valid
from hotconf.events import NOT_STAMPED
from hotconf.problems import Problem
from hotconf.settings import HotReloadSettings
from hotconf.snapshot import SourceFile
from hotconf.sources.files.missing import Baseline, Entry, Found, judge

SAME_BYTES: Final = "the files are the same"
SAME_VALUES: Final = "the values are the same"
DROP_INS: Final = "conf.d"
"""The name of a directory of drop-ins."""
SOURCE: Final = Path("/(etcd)/shop/prod")
"""What is no file."""


@dataclass(frozen=True, slots=True)
class Content:
    """The text of one file."""

    value: int = 0
    comment: int = 0
    """Differs in the bytes, not in what they mean."""
    valid: bool = True
    enabled: bool = True
    debounce_ms: int = 300
    mode: Literal["settle", "eager"] = "settle"
    cut: int = 0
    """So much is missing at the end; it means something else then, but is as valid."""

    def begins(self, other: Content) -> bool:
        """Whether this is the first part of `other`, and not all of it."""
        return self.cut > other.cut and replace(self, cut=other.cut) == other


@dataclass(frozen=True, slots=True)
class Config:
    """What valid files mean. The first file's settings count."""

    values: tuple[int, ...]
    settings: HotReloadSettings


def source_id(path: Path) -> str:
    """How the engine knows a simulated file: to it, ids are no paths."""
    return f"{path.parent.name}:{path.stem}"


def group(source: Hashable) -> str:
    """The directory of the source with this id."""
    return str(source).partition(":")[0]


def candidate(
    files: Mapping[Path, Content | None],
    published: Valid[Config] | None = None,
    before: Mapping[Path, Content | None] | None = None,
) -> Valid[Config] | Invalid:
    """What a load of `files` brings back; None stands for an absent file. `before`: their content when the last round
    ended. Those in `conf.d` are drop-ins, the others must exist.
    """
    ends = (path for path, content in files.items() if path != SOURCE and _begins(content, (before or {}).get(path)))
    shrank = tuple(map(source_id, ends))
    verdict = judge(published.baseline if published else Baseline(), _found(files))
    gone = tuple(source_id(file.path) for file in verdict.files)
    problems = tuple(problem for path, content in files.items() for problem in _problems(path, content))
    problems += tuple(
        Problem("Nothing is left of conf.d", kind="missing", file=lost.entry.path) for lost in verdict.lost
    )
    if problems:
        return Invalid(problems, shrank=shrank, gone=gone)
    contents = [content for content in files.values() if content is not None]
    first = contents[0]
    settings = HotReloadSettings(enabled=first.enabled, debounce_ms=first.debounce_ms, mode=first.mode)
    config = Config(tuple(content.value - 10 * content.cut for content in contents), settings)
    digest = repr([(path.name, content) for path, content in files.items() if content is not None])
    same = _same(config, digest, published)
    old = published.config if published else None
    changes = () if same else (Change((), old, config),)
    sources = tuple(_source(path, content) for path, content in files.items() if content is not None)
    found = Valid(config, digest, NOT_STAMPED, sources, {}, settings, changes, (), unchanged=same)
    return found._replace(shrank=shrank, gone=gone, baseline=Baseline(sources))


def _is_drop_in(path: Path) -> bool:
    return path.parent.name == DROP_INS


def _source(path: Path, content: Content) -> SourceFile:
    return SourceFile(path, "fragment" if _is_drop_in(path) else "main", repr(content).encode())


def _found(files: Mapping[Path, Content | None]) -> Found:
    there = [_source(path, content) for path, content in files.items() if content is not None and _is_drop_in(path)]
    directories = dict.fromkeys(path.parent for path in files if _is_drop_in(path))
    entries = tuple(Entry(number, DROP_INS, path) for number, path in enumerate(directories))
    return Found({file.path: file.content for file in there}, entries)


def _begins(content: Content | None, before: Content | None) -> bool:
    return content is not None and before is not None and content.begins(before)


def unstable(changed: Sequence[Path]) -> Unstable:
    """What a load of files that change meanwhile brings back."""
    problems = (Problem("The file is being written", kind="unstable", file=path) for path in changed)
    return Unstable(tuple(map(source_id, changed)), tuple(problems))


def recalled(files: Mapping[Path, Content | None]) -> Valid[Config]:
    """What was kept of `files`, which are valid, for a start that fails: whatever they say, they are watched."""
    found = candidate(files)
    if not isinstance(found, Valid):
        raise AssertionError("only what is valid is kept")
    return found._replace(changes=(), settings=found.settings.model_copy(update={"enabled": True}))


def _problems(path: Path, content: Content | None) -> list[Problem]:
    if content is None and _is_drop_in(path):
        return []
    if content is None:
        return [Problem("No such file", kind="missing", file=path)]
    if not content.valid:
        return [Problem(f"Invalid TOML: {content}", kind="syntax", file=path)]
    return []


def _same(config: Config, digest: str, published: Valid[Config] | None) -> str | None:
    if published is None or config != published.config:
        return None
    return SAME_BYTES if digest == published.digest else SAME_VALUES
